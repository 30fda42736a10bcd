import Bytes
import Events
import JSONRPC
import Modules
import RouteLanguage
import RouteRuntime

/// What the core's functions need of the floors above the runtime.
enum CoreBinding {
    static func host(
        script: Script, environment: ModuleEnvironment, host: ScriptHost, events: EventInterface
    ) -> CoreHost {
        var core = CoreHost()
        CoreFunctions.connect(
            &core, host: host, addresses: environment.addresses, bonds: script.bonds, blacklists: script.blacklists)
        let cache = environment.localCache
        core.store = { $0 == "local" ? cache : nil }
        core.raiseEvent = { name, parameters in
            guard let event = events.publish(name.string) else { return false }
            events.raise(event, json(parameters))
            return true
        }
        core.subscribeEvent = { name, socket, expires in
            do throws(EventInterface.SubscribeError) {
                try events.subscribe(event: name.string, socket: socket.string, expireSeconds: expires)
                return true
            } catch {
                return false
            }
        }
        publishEvents(of: script, events)
        host.bindReplies(environment.replies)
        return core
    }

    /// Makes the events that the script raises by a constant name known, so that they can be subscribed to beforehand.
    private static func publishEvents(of script: Script, _ events: EventInterface) {
        for call in Compiler.compile(script.routes).calls where call.name == "raise_event" {
            guard case .string(let name)? = call.arguments.first??.kind, let constant = name.constant else { continue }
            events.publish(String(decoding: constant, as: UTF8.self))
        }
    }

    /// All named: an object; else a list.
    private static func json(_ parameters: [(name: ByteString?, value: Value)]) -> RPCParameters {
        if parameters.isEmpty { return .none }
        guard parameters.allSatisfy({ $0.name != nil }) else { return .positional(parameters.map(\.value.json)) }
        return .named(
            JSONObject(parameters.map { JSONObject.Member(key: $0.name?.string ?? "", value: $0.value.json) }))
    }
}
