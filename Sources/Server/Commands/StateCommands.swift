import JSONRPC
import Management
import Reactor
import RouteLanguage

/// Commands of the peer's core about parts that are simple here, or are told about because a monitor asks for them.
enum StateCommands {
    static func register(in registry: inout CommandRegistry, _ script: Script) {
        registerReport(in: &registry)
        let lists = script.blacklists.map { show($0) }
        registry.add(
            "blacklists:list", aliases: ["list_blacklists"], "Lists the destination blacklists of the script.",
            [[], ["name"]]
        ) { call throws(RPCError) in
            guard let name = try call.optionalString("name") else { return ["Lists": .array(lists)] }
            let found = lists.filter { if case .object(let list) = $0 { list["name"] == .string(name) } else { false } }
            guard !found.isEmpty else { throw RPCError(code: 404, message: "List not found") }
            return ["Lists": .array(found)]
        }
        registry.add(
            "tcp:list", aliases: ["list_tcp_conns"], "Lists the connections; there are none with UDP.", [[], ["proto"]]
        ) { _ in .null }
        registry.add(
            "core:reload_routes", "Would read the script's routes anew: not there yet, restart the server instead."
        ) { _ throws(RPCError) in
            throw RPCError(
                code: 501, message: "Not implemented",
                data: "routes are read at start only: check the new script with sipray check and restart the server")
        }
    }

    /// `status_report:*` of the one group that there is: the core, which runs when it answers.
    private static func registerReport(in registry: inout CommandRegistry) {
        let status: JSONObject = ["Readiness": true, "Status": 1, "Details": "running"]
        let notFound = RPCError(code: 404, message: "Group not found", data: "there is the group core")
        registry.add(
            "status_report:get", aliases: ["sr_get_status"], "Tells whether a part of the server is ready.",
            [["group"], ["group", "identifier"]]
        ) { call throws(RPCError) in
            guard try call.string("group") == "core" else { throw notFound }
            guard ["main", "all"].contains(try call.optionalString("identifier") ?? "main") else {
                throw RPCError(code: 404, message: "Identifier not found", data: "there is the identifier main")
            }
            return .object(status)
        }
        registry.add(
            "status_report:status", aliases: ["sr_list_status"], "Lists which parts of the server are ready.",
            [[], ["group"]]
        ) { call throws(RPCError) in
            guard try call.optionalString("group") ?? "core" == "core" else { throw notFound }
            var main = JSONObject()
            main.append("Name", "main")
            for member in status.members { main.append(member.key, member.value) }
            return [["Name": "core", "Identifiers": [.object(main)]]]
        }
    }

    private static func show(_ list: DestinationBlacklist) -> JSONValue {
        let rules = list.rules.map { rule -> JSONValue in
            [
                "IP": .string(SocketAddress.text(rule.network.address)), "Mask": .integer(rule.network.prefixLength),
                "Proto": .string(rule.transport ?? "any"), "Port": .integer(Int(rule.port)),
                "Match": .string(rule.pattern), "Flags": .integer(rule.isNegated ? 1 : 0),
            ]
        }
        return [
            "name": .string(list.name), "owner": "core", "flags": .array(list.flags.map { .string($0) }),
            "Rules": .array(rules),
        ]
    }
}

extension SocketAddress {
    /// An address of 4 or 16 bytes as text.
    fileprivate static func text(_ bytes: [UInt8]) -> String {
        guard bytes.count == 16 else { return bytes.map { String($0) }.joined(separator: ".") }
        let parts = stride(from: 0, to: 16, by: 2).map { String(Int(bytes[$0]) << 8 | Int(bytes[$0 + 1]), radix: 16) }
        return SocketAddress(host: parts.joined(separator: ":"), port: 0)?.host ?? parts.joined(separator: ":")
    }
}
