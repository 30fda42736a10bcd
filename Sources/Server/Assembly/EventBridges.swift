import Bytes
import Events
import JSONRPC
import Modules
import Reactor
import RouteRuntime
import SIPConnections
import SIPTransport
import Synchronization

extension EventOutlet {
    /// Events that modules raise go to the event interface; each is published when it is raised first. Whether one of
    /// `frequent` is wanted costs a few comparisons and a relaxed load: it is asked for every REGISTER.
    static func to(_ events: EventInterface, frequent: [StaticString]) -> EventOutlet {
        let known = frequent.compactMap { name in
            events.publish(name.description).map { (address: UInt(bitPattern: name.utf8Start), event: $0) }
        }
        let find: @Sendable (StaticString) -> EventID? = { name in
            let address = UInt(bitPattern: name.utf8Start)
            for one in known where one.address == address { return one.event }
            return events.publish(name.description)
        }
        return EventOutlet(
            isWanted: { name in find(name).map { events.isWanted($0) } ?? false },
            raise: { name, parameters in
                guard let event = find(name) else { return }
                events.raise(
                    event, .named(JSONObject(parameters.map { JSONObject.Member(key: $0.name, value: $0.value.json) })))
            })
    }
}

/// Events that parts of the server raise which know of no events.
enum EventBridges {
    /// `E_CORE_TCP_DISCONNECT` for every connection that ends, the peer's end as the source.
    static func raiseDisconnects(of hub: ConnectionHub, on events: EventInterface) {
        guard let event = events.publish("E_CORE_TCP_DISCONNECT") else { return }
        hub.onDisconnect = { connection, _ in
            let local = connection.local ?? connection.socket.address
            events.raise(
                event,
                .named([
                    "src_ip": .string(connection.peer.host), "src_port": .integer(Int(connection.peer.port)),
                    "dst_ip": .string(local.host), "dst_port": .integer(Int(local.port)),
                    "proto": .string(connection.socket.transport.name),
                ]))
        }
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
