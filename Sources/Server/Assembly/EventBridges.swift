import Bytes
import Events
import JSONRPC
import Location
import Logging
import Modules
import RouteRuntime
import Synchronization

/// Location changes as `E_UL_*` events.
enum LocationEvents {
    static func observer(_ events: EventInterface) -> LocationObserver {
        LocationObserver(
            isInterested: {
                EventNames.location.contains { name in events.event(named: name).map { events.isWanted($0) } ?? false }
            },
            notify: { change in
                guard let event = events.event(named: change.kind.name.description) else { return }
                events.raise(event, .named(parameters(change)))
            })
    }

    private static func parameters(_ change: LocationEvent) -> JSONObject {
        var object: JSONObject = ["domain": .string(change.domain.string), "aor": .string(change.aor.string)]
        guard let binding = change.binding else { return object }
        object.append("uri", .string(binding.contact.string))
        object.append("received", .string(binding.received.string))
        object.append("path", .string(binding.path.string))
        object.append("qval", .integer(max(0, binding.q) / 100))
        object.append("user_agent", .string(binding.userAgent.string))
        object.append("socket", .string(binding.socket.string))
        object.append("bflags", .integer(Int(binding.branchFlags)))
        object.append("expires", .integer(binding.expires))
        object.append("callid", .string(binding.callID.string))
        object.append("cseq", .integer(binding.cseq))
        object.append("attr", .string(binding.attributes.string))
        object.append("latency", .integer(0))
        object.append("shtag", "")
        return object
    }
}

extension EventOutlet {
    /// Events that modules raise go to the event interface; each is published when it is raised first.
    static func to(_ events: EventInterface) -> EventOutlet {
        EventOutlet(
            isWanted: { name in events.publish(name.description).map { events.isWanted($0) } ?? false },
            raise: { name, parameters in
                guard let event = events.publish(name.description) else { return }
                events.raise(
                    event, .named(JSONObject(parameters.map { JSONObject.Member(key: $0.name, value: $0.value.json) })))
            })
    }
}

/// Carries log lines to `E_CORE_LOG`. Made before the event interface, which logs itself.
final class LogEventRelay: Sendable {
    private let target = Mutex<(EventInterface, EventID)?>(nil)

    /// Publishes the event; before this, lines go nowhere.
    func connect(_ events: EventInterface) {
        guard let event = events.publish("E_CORE_LOG") else { return }
        target.withLock { $0 = (events, event) }
    }

    func raise(_ level: ScriptLogLevel, _ pid: Int, _ text: String) {
        guard let (events, event) = target.withLock({ $0 }) else { return }
        events.raise(
            event,
            .named([
                "time": .string(ServerLogHandler.stamp()), "pid": .integer(pid), "level": .string(level.name),
                "message": .string(text),
            ]))
    }
}

extension ScriptLogLevel {
    /// The swift-log level that a script's level is written at.
    var swiftLevel: Logger.Level {
        switch self {
        case .alert, .critical: .critical
        case .error: .error
        case .warning: .warning
        case .notice: .notice
        case .info: .info
        case .debug: .debug
        }
    }
}
