import JSONRPC
package import Management

/// The management commands of the event interface.
package enum EventCommands {
    /// Registers `evi:*`.
    package static func register(in registry: inout CommandRegistry, _ events: EventInterface) {
        registry.add("evi:list", aliases: ["events_list"], "Lists the events that can be subscribed to.") { _ in
            .object([
                "Events": .array(events.eventNames.enumerated().map { ["name": .string($1), "id": .integer($0)] })
            ])
        }
        registry.add(
            "evi:subscribe", aliases: ["event_subscribe"],
            "Sends an event to a udp:, unix: or tcp: socket from now on; expire in seconds (3600), 0 unsubscribes.",
            [["event", "socket"], ["event", "socket", "expire"], ["event", "socket", "expire", "fields"]]
        ) { call throws(RPCError) in
            let expire = try call.optionalInteger("expire", allowed: "seconds; 0 unsubscribes")
            let (event, socket) = (try call.string("event"), try call.string("socket"))
            guard let fields = ExtraFields(names: try call.optionalString("fields") ?? "") else {
                throw CommandCall.badType("fields", allowed: ExtraFields.allowed)
            }
            do throws(EventInterface.SubscribeError) {
                try events.subscribe(
                    event: event, socket: socket, expireSeconds: expire ?? EventLimits.expireSecondsDefault,
                    fields: fields)
            } catch {
                throw Self.error(error)
            }
            return "OK"
        }
        registry.add(
            "evi:unsubscribe", aliases: ["event_unsubscribe"], "Ends a subscription.", [["event", "socket"]]
        ) { call throws(RPCError) in
            let (event, socket) = (try call.string("event"), try call.string("socket"))
            let existed: Bool
            do throws(EventInterface.SubscribeError) {
                existed = try events.unsubscribe(event: event, socket: socket)
            } catch {
                throw Self.error(error)
            }
            guard existed else { throw Self.noSubscriber }
            return "OK"
        }
        registry.add(
            "evi:subscribers", aliases: ["subscribers_list"],
            "Lists the subscribers of all events, of one event, or one subscriber.",
            [[], ["event"], ["event", "socket"]]
        ) { call throws(RPCError) in try Self.subscribers(call, events) }
        registry.add(
            "evi:raise", aliases: ["raise_event"],
            "Raises an event; params is an array, an object, or a string that holds a JSON object.",
            [["event"], ["event", "params"]]
        ) { call throws(RPCError) in
            guard let event = events.event(named: try call.string("event")) else { throw Self.notPublished }
            let parameters = try Self.parameters(call)
            events.raise(event, parameters)
            return "OK"
        }
    }

    private static let badValue = RPCError(code: 400, message: "Bad parameter value")
    private static let notPublished = RPCError(code: 404, message: "Event not published")
    private static let noSubscriber = RPCError(code: 404, message: "Subscriber does not exist")

    private static func error(_ error: EventInterface.SubscribeError) -> RPCError {
        switch error {
        case .unknownEvent, .badSocket: badValue
        case .tooManySubscriptions: RPCError(code: 503, message: "Too many subscriptions")
        }
    }

    private static func subscribers(
        _ call: CommandCall, _ events: EventInterface
    ) throws(RPCError) -> JSONValue {
        guard let name = try call.optionalString("event") else {
            let listed = events.eventNames.enumerated().compactMap { index, name -> JSONValue? in
                let subscribers = events.subscribers(of: EventID(index: index))
                return subscribers.isEmpty ? nil : .object(json(name, index, subscribers))
            }
            return ["Events": .array(listed)]
        }
        guard let event = events.event(named: name) else { throw notPublished }
        let subscribers = events.subscribers(of: event)
        guard let text = try call.optionalString("socket") else {
            return ["Event": .object(json(name, event.index, subscribers))]
        }
        let socket = EventSocket(text)
        guard let subscriber = subscribers.first(where: { $0.socket == socket }) else { throw noSubscriber }
        return [
            "Event": ["name": .string(name), "id": .integer(event.index), "Subscriber": .object(json(subscriber))]
        ]
    }

    private static func json(_ name: String, _ id: Int, _ subscribers: [EventInterface.Subscriber]) -> JSONObject {
        [
            "name": .string(name), "id": .integer(id),
            "Subscribers": .array(subscribers.map { .object(json($0)) }),
        ]
    }

    /// The peer's shape; `state` and `lost` follow only when there is trouble.
    private static func json(_ subscriber: EventInterface.Subscriber) -> JSONObject {
        var object: JSONObject = ["socket": .string(subscriber.socket.description)]
        object.append("expire", subscriber.expireSeconds.map { .integer($0) } ?? "never")
        if let left = subscriber.secondsLeft { object.append("ttl", .integer(left)) }
        if subscriber.isUnreachable { object.append("state", "unreachable") }
        if subscriber.lost > 0 { object.append("lost", .integer(subscriber.lost)) }
        return object
    }

    private static func parameters(_ call: CommandCall) throws(RPCError) -> RPCParameters {
        switch call.value("params") {
        case nil: return .none
        case .array(let values)?: return .positional(values)
        case .object(let object)?: return .named(object)
        case .string(let text)?:
            if case .object(let object)? = try? JSONParser.parse(text) { return .named(object) }
            throw badValue
        default: throw CommandCall.badType("params")
        }
    }
}
