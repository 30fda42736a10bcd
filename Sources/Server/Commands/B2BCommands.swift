import JSONRPC
import Management
import Modules

/// `b2b_logic:*` and `b2b_entities:list`: back-to-back sessions, shown and directed.
enum B2BCommands {
    static func register(in registry: inout CommandRegistry, _ b2b: B2BManagement) {
        registry.add("b2b_entities:list", aliases: ["b2be_list"], "Lists the dialogs that the server has itself.") {
            _ in
            .array(b2b.allEntities.enumerated().map { show($0.element, index: $0.offset) })
        }
        UASessionCommands.register(in: &registry, b2b.userAgents)
        guard b2b.hasLogic else { return }
        registry.add(
            "b2b_logic:list", aliases: ["b2b_list"], "Lists the back-to-back sessions: all, or some of them.",
            [[], ["index", "counter"]]
        ) { call throws(RPCError) in
            let index = try call.optionalInteger("index", allowed: "0 or more") ?? 0
            let counter = try call.optionalInteger("counter", allowed: "0 or more") ?? .max
            guard index >= 0 else { throw CommandCall.badType("index", allowed: "0 or more") }
            guard counter >= 0 else { throw CommandCall.badType("counter", allowed: "0 or more") }
            return ["Tuples": .array(b2b.sessions(from: index, most: counter).map(show))]
        }
        registry.add(
            "b2b_logic:terminate_call", aliases: ["b2b_terminate_call"],
            "Ends a session, named by its key or as callid;from-tag;to-tag.", [["key"]]
        ) { call throws(RPCError) in
            guard b2b.terminate(try call.string("key")) else { throw notFound }
            return "OK"
        }
        registerBridge(in: &registry, b2b)
        registerTrigger(in: &registry, b2b)
    }

    private static let notFound = RPCError(code: 404, message: "No such session")

    private static func registerBridge(in registry: inout CommandRegistry, _ b2b: B2BManagement) {
        let names = ["dialog_id", "new_uri"]
        registry.add(
            "b2b_logic:bridge", aliases: ["b2b_bridge"],
            "Bridges the caller of a session (flag 1: the callee) to a new destination.",
            [names, names + ["flag"], names + ["prov_media_uri"], names + ["flag", "prov_media_uri"]]
        ) { call throws(RPCError) in
            let flag = try call.optionalInteger("flag", allowed: "0 or 1") ?? 0
            guard flag == 0 || flag == 1 else { throw CommandCall.badType("flag", allowed: "0 or 1") }
            let dialog = try call.string("dialog_id")
            let uri = try call.string("new_uri")
            let media = try call.optionalString("prov_media_uri")
            do throws(B2BManagement.BridgeError) {
                try b2b.bridge(dialog, to: uri, callee: flag == 1, media: media)
            } catch {
                switch error {
                case .noSession: throw notFound
                case .badURI: throw CommandCall.badType("new_uri", allowed: "a SIP URI")
                case .badMediaURI: throw CommandCall.badType("prov_media_uri", allowed: "a SIP URI")
                case .busy: throw RPCError(code: 409, message: "The session is not established, or being bridged")
                }
            }
            return "OK"
        }
    }

    private static func registerTrigger(in registry: inout CommandRegistry, _ b2b: B2BManagement) {
        let names = ["senario_id", "entity1", "entity2"]
        registry.add(
            "b2b_logic:trigger_scenario", aliases: ["b2b_trigger_scenario"],
            "Calls two parties, each written as id,uri[,name], and connects them.", [names, names + ["context"]]
        ) { call throws(RPCError) in
            let values = try (call.has("context") ? call.strings("context") : []).map { text throws(RPCError) in
                guard let equals = text.firstIndex(of: "=") else {
                    throw CommandCall.badType("context", allowed: "an array of key=value")
                }
                return (name: String(text[..<equals]), value: String(text[text.index(after: equals)...]))
            }
            let scenario = try call.string("senario_id")
            let (first, second) = (try call.string("entity1"), try call.string("entity2"))
            do throws(B2BManagement.TriggerError) {
                try b2b.trigger(scenario: scenario, first: first, second: second, values: values)
            } catch {
                switch error {
                case .badFirst: throw CommandCall.badType("entity1", allowed: "id,uri or id,uri,name")
                case .badSecond: throw CommandCall.badType("entity2", allowed: "id,uri or id,uri,name")
                case .tooMany: throw RPCError(code: 503, message: "Too many sessions")
                }
            }
            return "OK"
        }
    }

    // MARK: shapes

    /// As the peer shows a tuple; what it does not have comes last.
    private static func show(_ session: B2BManagement.Session) -> JSONValue {
        let entities = session.entities.enumerated().map { (number: $0.offset, entity: $0.element) }
        func list(_ chosen: [(number: Int, entity: B2BManagement.Entity)]) -> JSONValue {
            .array(chosen.enumerated().map { show($0.element.entity, index: $0.offset, number: $0.element.number) })
        }
        return [
            "id": .integer(session.id), "key": .string(session.key), "state": .integer(session.phase.number),
            "lifetime": .integer(session.lifetime), "db_flag": 0, "scenario": .string(session.scenario),
            "SERVERS": list(entities.filter { $0.entity.isServer }),
            "CLIENTS": list(entities.filter { !$0.entity.isServer }),
            "BRIDGE_ENTITIES": list(Array(entities.prefix(2))),
            "phase": .string(session.phase.word), "age": .integer(session.age),
            "context": .object(
                JSONObject(session.values.map { JSONObject.Member(key: $0.name, value: .string($0.value)) })),
        ]
    }

    /// The peer's members, then ours. `number` is the place in the session, where it is shown as part of one.
    private static func show(_ entity: B2BManagement.Entity, index: Int, number: Int? = nil) -> JSONValue {
        var members: JSONObject = [
            "index": .integer(index), "scenario_id": .string(entity.id), "key": .string(entity.key),
            "disconnected": entity.peer == nil ? 1 : 0, "state": .integer(entity.state.number),
        ]
        if let number { members["no"] = .integer(number) }
        members["type"] = entity.isServer ? 0 : 1
        let texts = [
            ("peer", entity.peer ?? ""), ("to_uri", entity.toURI), ("from_uri", entity.fromURI),
            ("dialog", entity.state.word), ("callid", entity.callID), ("fromtag", entity.fromTag),
            ("totag", entity.toTag), ("contact", entity.target),
        ]
        for (name, text) in texts { members[name] = .string(text) }
        members["cseq"] = .integer(entity.sequence)
        return .object(members)
    }
}
