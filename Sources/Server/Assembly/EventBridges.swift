import Bytes
import Events
import JSONRPC
import Modules
import RouteRuntime
import Synchronization

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
