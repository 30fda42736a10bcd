import Bytes
import Events
import JSONRPC
import Modules
import Reactor
import RouteLanguage
import RouteRuntime

/// `event_route[NAME]`: runs as a job of the first timer process whenever the event is raised.
enum EventRoutes {
    static func connect(_ engine: ScriptEngine, to events: EventInterface, on process: SIPProcess, _ host: ScriptHost) {
        let runner = EventRouteRunner(script: process.script, host: host)
        for route in engine.routes(.event) {
            guard let name = route.name, let event = events.publish(name) else { continue }
            let label = ReactorSites.job("event_route \(name)")
            let handle = route.handle
            let reactor = process.process.reactor
            events.listen(event) { parameters in
                reactor.submit(label) { runner.run(handle, parameters) }
            }
        }
    }
}

/// Runs event routes on one process.
private final class EventRouteRunner: @unchecked Sendable {
    // @unchecked: `run` is called in jobs of the process that the script belongs to, and nowhere else.
    private let script: ScriptProcess
    private let host: ScriptHost

    init(script: ScriptProcess, host: ScriptHost) {
        self.script = script
        self.host = host
    }

    func run(_ route: RouteHandle, _ parameters: RPCParameters) {
        let context = host.emptyContext()
        switch parameters {
        case .none: break
        case .positional(let values):
            context.eventParameters = values.enumerated().map {
                (ByteString(decimal: $0.offset + 1), Value($0.element))
            }
        case .named(let object):
            context.eventParameters = object.members.map { (ByteString($0.key), Value($0.value)) }
        }
        _ = script.run(TopRoute(route, as: .event, on: context))
    }
}

extension Value {
    /// What a script sees of an event's parameter.
    init(_ json: JSONValue) {
        switch json {
        case .null: self = .null
        case .bool(let value): self = .integer(value ? 1 : 0)
        case .integer(let number): self = .integer(number)
        case .string(let text): self = .string(ByteString(text))
        case .double, .array, .object:
            self = .string(ByteString(json.serialized()))
        }
    }

    /// What subscribers see of a script's value.
    var json: JSONValue {
        switch self {
        case .null: .null
        case .integer(let number), .decimal(let number): .integer(number)
        case .string(let text), .both(let text, _): .string(text.string)
        }
    }
}
