import CPlatform
import Glibc
package import JSONRPC
package import Logging
package import Profiling
package import Reactor
import Synchronization

/// The event interface: what can happen, who wants to hear it, and the thread that tells them.
///
/// Any thread may call it. ``raise(_:_:)`` costs a relaxed load while nobody wants the event, else a short lock and a
/// copy of the parameters; formatting and sending happen on the sender's thread. Profiling records come straight from
/// the profiler: while an `E_PROFILING_*` event has a subscriber that can be reached, the profiler is asked for them.
package final class EventInterface: Sendable {
    let state: EventState
    private let thread = Mutex<pthread_t?>(nil)

    /// Makes an interface that sends nothing before ``start()``. `clock` is monotonic, in milliseconds.
    package init(
        profiler: Profiler?, statistics: Statistics, logger: Logger, limits: EventLimits = EventLimits(),
        options: EventOptions = EventOptions(),
        clock: @escaping @Sendable () -> Int = { Int(cplatform_monotonic_nanoseconds() / 1_000_000) }
    ) {
        state = EventState(
            profiler: profiler, statistics: statistics, logger: logger, limits: limits, options: options, clock: clock)
        statistics.gauge(group: "evi", name: "subscriptions") { [weak state] in
            state?.contents.withLock { $0.table.subscriptions.count } ?? 0
        }
        let consumer = state.consumer
        statistics.gauge(group: "evi", name: "lost_records") { Int(clamping: consumer.losses.total) }
        statistics.gauge(group: "evi", name: "unreachable_subscribers") { [weak state] in
            state?.contents.withLock { contents in
                contents.reports.values.count { $0.isUnreachable.load(ordering: .relaxed) }
            } ?? 0
        }
    }

    // MARK: Life

    /// Starts the sender's thread; once.
    package func start() {
        thread.withLock { thread in
            guard thread == nil else { return }
            var created = pthread_t()
            let argument = Unmanaged.passRetained(state)
            let code = pthread_create(
                &created, nil,
                { argument in
                    // The pointer is the state that `start` retained for this thread.
                    let state = Unmanaged<EventState>.fromOpaque(argument!).takeRetainedValue()
                    _ = cplatform_thread_introduce("events")
                    EventSender(state: state).run()
                    return nil
                }, argument.toOpaque())
            precondition(code == 0, "EventInterface: can't start a thread: error \(code)")
            thread = created
        }
    }

    /// Sends what waits, as far as subscribers take it at once, ends the thread, and stops asking for records.
    package func stop() {
        let running = thread.withLock { thread in
            let running = thread
            thread = nil
            return running
        }
        guard let running else { return }
        state.isStopping.store(true, ordering: .releasing)
        state.wake()
        pthread_join(running, nil)
        state.change { contents in
            contents.table = SubscriptionTable(subscriptionsMax: state.limits.subscriptionsMax)
        }
    }

    // MARK: Events

    /// Publishes an event, or finds the one of that name; `nil` when the catalogue is full.
    @discardableResult
    package func publish(_ name: String) -> EventID? {
        // Only a new one is a change that the sender has to look at.
        event(named: name) ?? state.change { $0.catalogue.publish(name) }
    }

    package func event(named name: String) -> EventID? { state.contents.withLock { $0.catalogue.find(name) } }

    /// The names of all events in order of their ids.
    package var eventNames: [String] { state.contents.withLock { $0.catalogue.names } }

    /// Whether anybody wants the event now: for who would have to work for its parameters. A relaxed load.
    package func isWanted(_ event: EventID) -> Bool { state.isWanted(event) }

    /// Raises an event. The parameters are made only if somebody wants it. When too many wait it is dropped and counted.
    package func raise(_ event: EventID, _ parameters: @autoclosure () -> RPCParameters) {
        if state.isWanted(event) { state.raise(event, parameters()) }
    }

    /// Calls `listener` for every such event, on the thread that raises it.
    package func listen(_ event: EventID, _ listener: @escaping EventListener) {
        state.change { $0.listeners[event.index, default: []].append(listener) }
    }

    /// Raises `E_CORE_THRESHOLD`: something took longer than it should. `extra` is what it was done for.
    package func raiseThreshold(source: String, microseconds: Int, extra: @autoclosure () -> String) {
        guard let event = event(named: EventNames.threshold) else { return }
        raise(
            event,
            .named(["source": .string(source), "time": .integer(microseconds), "extra": .string(extra())]))
    }

    // MARK: Subscriptions

    package enum SubscribeError: Error, Hashable, Sendable {
        case unknownEvent
        case badSocket
        case tooManySubscriptions
    }

    /// Subscribes or renews. `expireSeconds` nil: for ever; 0 or less: unsubscribes. `fields`: what it wants of profiling
    /// events beyond what the transport's module says; subscriptions of one socket share them.
    package func subscribe(
        event name: String, socket text: String, expireSeconds: Int?, fields: ExtraFields = []
    ) throws(SubscribeError) {
        guard let event = event(named: name) else { throw .unknownEvent }
        guard let socket = EventSocket(text), state.options.takes(socket) else { throw .badSocket }
        if let expireSeconds, expireSeconds <= 0 {
            _ = state.change { $0.table.unsubscribe(event, socket) }
            return
        }
        let now = state.clock()
        let isAdded = state.change { contents in
            guard
                contents.table.subscribe(event, socket, expireSeconds: expireSeconds, fields: fields, now: now)
            else { return false }
            let report = contents.reports[socket] ?? SubscriberReport()
            report.isFresh.store(true, ordering: .relaxed)
            report.isPausing.store(false, ordering: .relaxed)
            contents.reports[socket] = report
            return true
        }
        guard isAdded else { throw .tooManySubscriptions }
    }

    /// Ends a subscription; `false` when there was none.
    package func unsubscribe(event name: String, socket text: String) throws(SubscribeError) -> Bool {
        guard let event = event(named: name) else { throw .unknownEvent }
        guard let socket = EventSocket(text) else { throw .badSocket }
        return state.change { $0.table.unsubscribe(event, socket) }
    }

    /// A subscriber as management shows it.
    package struct Subscriber: Hashable, Sendable {
        package let socket: EventSocket
        /// Seconds; `nil` never ends.
        package let expireSeconds: Int?
        package let secondsLeft: Int?
        package let sent: Int
        package let lost: Int
        package let isUnreachable: Bool
    }

    package func subscribers(of event: EventID) -> [Subscriber] {
        let now = state.clock()
        return state.contents.withLock { contents in
            contents.table.subscribers(of: event).filter { $0.endsAt.map { $0 > now } ?? true }.map { subscription in
                let report = contents.reports[subscription.socket]
                return Subscriber(
                    socket: subscription.socket, expireSeconds: subscription.expireSeconds,
                    secondsLeft: subscription.secondsLeft(at: now), sent: report?.sent.load(ordering: .relaxed) ?? 0,
                    lost: report?.lost.load(ordering: .relaxed) ?? 0,
                    isUnreachable: report?.isUnreachable.load(ordering: .relaxed) ?? false)
            }
        }
    }

    /// The profiling consumer, for a listing of its losses.
    package var consumer: Consumer { state.consumer }
}
