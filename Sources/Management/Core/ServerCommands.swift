import Glibc
import JSONRPC
import Reactor

extension CoreCommands {
    static func registerServer(in registry: inout CommandRegistry, _ context: ManagementContext) {
        registry.add("core:ps", "Lists the processes with ID, PID and type.") { _ in
            .object([
                "Processes": .array(
                    context.processes.all.map { process in
                        var object = process.listing
                        object.append("Type", .string(process.description))
                        return .object(object)
                    })
            ])
        }
        registry.add("core:version", "Tells the name and version of the server.") { _ in
            ["Server": .string(context.serverName)]
        }
        registry.add("core:uptime", "Tells since when the server runs.") { _ in
            let now = time(nil)
            return [
                "Now": .string(dateText(now)), "Up since": .string(dateText(context.startedAt)),
                "Up time": .string("\(now - context.startedAt) [sec]"),
            ]
        }
        registry.add("core:pwd", "Tells the working directory.") { _ in ["WD": .string(workingDirectory())] }
        registry.add("core:arg", "Lists the arguments that the server was started with.") { _ in
            .array(context.arguments.map { .string($0) })
        }
        registry.addLater("core:kill", "Ends the server.") { _, reply in
            reply.succeed()
            context.terminate()
        }
        registry.addWithRegistry(
            "core:which", "Lists all commands, or those that a name stands for.", [[], ["command"]]
        ) { call, registry throws(RPCError) in
            guard let name = try call.optionalString("command") else {
                return .array(registry.commands.map { .string($0.name) })
            }
            return .array(registry.canonicalNames(matching: name).map { .string($0) })
        }
        registry.addWithRegistry(
            "core:help", "Explains a command.", [[], ["mi_cmd"]]
        ) { call, registry throws(RPCError) in
            guard let name = try call.optionalString("mi_cmd") else {
                return "usage: help <command>; which lists the commands"
            }
            let command = try registry.find(name)
            return [
                "Help": .string(command.summary + "\n" + command.usage), "Exported by": .string(command.module),
            ]
        }
    }

    /// `Mon Jul 21 17:41:03 2008`, local time.
    static func dateText(_ seconds: Int) -> String {
        var moment = seconds
        var parts = tm()
        localtime_r(&moment, &parts)
        var text = [CChar](repeating: 0, count: 64)
        let count = strftime(&text, text.count, "%a %b %e %H:%M:%S %Y", &parts)
        return String(decoding: text[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    private static func workingDirectory() -> String {
        guard let path = getcwd(nil, 0) else { return "" }
        defer { free(path) }
        return String(cString: path)
    }
}
