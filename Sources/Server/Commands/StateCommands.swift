import JSONRPC
import Management
import RouteLanguage

/// Commands of the peer's core about parts that are simple here, or are told about because a monitor asks for them.
enum StateCommands {
    static func register(in registry: inout CommandRegistry, _ script: Script) {
        registerReport(in: &registry)
        BlacklistCommands.register(in: &registry, script.blacklists)
        MissingCommands.register(in: &registry)
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
        registry.add(
            "status_report:reports", aliases: ["sr_list_reports"], "Lists what the parts of the server reported.",
            [[], ["group"], ["group", "identifier"]]
        ) { call throws(RPCError) in
            guard try call.optionalString("group") ?? "core" == "core" else { throw notFound }
            guard try call.optionalString("identifier") ?? "main" == "main" else {
                throw RPCError(code: 404, message: "Identifier not found", data: "there is the identifier main")
            }
            return [["Name": "core", "Identifiers": [["Name": "main", "Reports": []]]]]
        }
        registry.add(
            "status_report:identifiers", aliases: ["sr_list_identifiers"], "Lists the parts that can be asked about.",
            [[], ["group"]]
        ) { call throws(RPCError) in
            let core: JSONValue = ["Group": "core", "Identifiers": ["main"]]
            guard let group = try call.optionalString("group") else { return [core] }
            guard group == "core" else { throw notFound }
            return core
        }
    }
}
