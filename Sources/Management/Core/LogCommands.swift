import JSONRPC
import Reactor

extension CoreCommands {
    static func registerLogging(in registry: inout CommandRegistry, _ context: ManagementContext) {
        let levels = context.logLevels
        registry.add(
            "core:log_level", "Lists the log levels, sets that of all processes, or of one.",
            [[], ["level"], ["level", "pid"]]
        ) { call throws(RPCError) in
            guard let level = try logLevel(call) else {
                return [
                    "Processes": .array(
                        context.processes.all.map { process in
                            [
                                "PID": .integer(process.pid), "Log level": .integer(levels.level(process: process.id)),
                                "Type": .string(process.description),
                            ]
                        })
                ]
            }
            guard let pid = try call.optionalInteger("pid", allowed: "the PID of a process, see ps") else {
                levels.setAll(level)
                return ["New global log level": .integer(level)]
            }
            guard pid > 0, let process = context.processes.all.first(where: { $0.pid == pid }) else {
                throw RPCError.invalidParameters("Bad PID")
            }
            levels.set(level, process: process.id)
            return ["Log level": .integer(level)]
        }
        registry.add(
            "core:xlog_level", "Tells or sets the level up to which the script's xlog writes.", [[], ["level"]]
        ) { call throws(RPCError) in
            guard let level = try logLevel(call) else { return ["xLog Level": .integer(levels.xlogLevel)] }
            levels.xlogLevel = level
            return ["New xLog level": .integer(level)]
        }
    }

    private static func logLevel(_ call: CommandCall) throws(RPCError) -> Int? {
        let allowed = "-3 (alert) to 4 (debug)"
        guard let level = try call.optionalInteger("level", allowed: allowed) else { return nil }
        guard LogLevels.allowed.contains(level) else {
            throw .invalidParameters("Bad value for parameter 'level': allowed is \(allowed)")
        }
        return level
    }
}
