import JSONRPC
import Management
import Modules

/// `b2b_logic:*` and `b2b_entities:list`: back-to-back sessions, shown and directed.
enum B2BCommands {
    static func register(in registry: inout CommandRegistry, _ b2b: B2BManagement) {
        registry.add("b2b_entities:list", aliases: ["b2be_list"], "Lists the dialogs that the server has itself.") {
            _ in
            .array(b2b.allEntities.map(show))
        }
        UASessionCommands.register(in: &registry, b2b.userAgents)
        guard b2b.hasLogic else { return }
        registry.add("b2b_logic:list", aliases: ["b2b_list"], "Lists the back-to-back sessions.") { _ in
            .array(b2b.sessions.map(show))
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

    private static func show(_ session: B2BManagement.Session) -> JSONValue {
        [
            "key": .string(session.key), "scenario": .string(session.scenario), "state": .string(session.state),
            "age": .integer(session.age), "lifetime": session.lifetime.map { .integer($0) } ?? .null,
            "entities": .array(session.entities.map(show)),
            "context": .object(
                JSONObject(session.values.map { JSONObject.Member(key: $0.name, value: .string($0.value)) })),
        ]
    }

    private static func show(_ entity: B2BManagement.Entity) -> JSONValue {
        [
            "key": .string(entity.key), "id": .string(entity.id), "type": .string(entity.kind),
            "state": .string(entity.state), "callid": .string(entity.callID), "fromtag": .string(entity.fromTag),
            "totag": .string(entity.toTag), "from": .string(entity.from), "to": .string(entity.to),
            "contact": .string(entity.target), "cseq": .integer(entity.sequence),
            "peer": entity.peer.map { .string($0) } ?? .null,
        ]
    }
}
