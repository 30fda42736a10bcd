import CPlatform
import Glibc
import JSONRPC
import Logging
import Profiling
import Reactor
import Synchronization

/// What the event interface shares between its callers and its sender.
final class EventState: Sendable {
    struct Contents {
        var catalogue: EventCatalogue
        var table: SubscriptionTable
        var reports: [EventSocket: SubscriberReport] = [:]
        var listeners: [Int: [EventListener]] = [:]
        /// What is wanted of the profiler.
        var wants: Interest = []
    }

    struct Raised {
        var event: EventID
        var parameters: RPCParameters
    }

    let limits: EventLimits
    let options: EventOptions
    let counters: EventCounters
    let logger: Logger
    let clock: @Sendable () -> Int
    /// Held for a moment only: who raises an event on a SIP process takes it.
    let contents: Mutex<Contents>
    /// Changes with every change of the table, so that the sender copies it only then.
    let generation = Atomic<Int>(0)
    let isStopping = Atomic<Bool>(false)
    let consumer: Consumer
    let processEvent: EventID
    let scriptEvent: EventID

    private let profiler: Profiler?
    /// What the profiling consumer is attached with. The profiler makes who changes that wait for a round of its collector,
    /// so this is a lock of its own, taken before ``contents``.
    private let attached = Mutex<Interest>([])
    private let raised = Mutex<[Raised]>([])
    /// A bit for each of the first 63 events that somebody wants; bit 63 stands for all others.
    private let wanted = Atomic<UInt64>(0)
    private let wakeDescriptor: Int32

    init(
        profiler: Profiler?, statistics: Statistics, logger: Logger, limits: EventLimits, options: EventOptions,
        clock: @escaping @Sendable () -> Int
    ) {
        var catalogue = EventCatalogue(eventsMax: max(limits.eventsMax, EventNames.core.count))
        for name in EventNames.core { _ = catalogue.publish(name) }
        guard let process = catalogue.find(EventNames.profilingProcess),
            let script = catalogue.find(EventNames.profilingScript)
        else { preconditionFailure("the core events were just published") }
        let wake = cplatform_eventfd_create()
        precondition(wake >= 0, "EventInterface: no descriptor is left for its wake-up")
        (processEvent, scriptEvent) = (process, script)
        (self.limits, self.logger, self.clock, self.profiler) = (limits, logger, clock, profiler)
        self.options = options
        counters = EventCounters(statistics)
        wakeDescriptor = wake
        contents = Mutex(
            Contents(catalogue: catalogue, table: SubscriptionTable(subscriptionsMax: limits.subscriptionsMax)))
        consumer = Consumer(name: "events", queueRecordsMax: limits.recordsMax) { cplatform_eventfd_signal(wake) }
    }

    deinit { close(wakeDescriptor) }

    // MARK: Waking

    func wake() { cplatform_eventfd_signal(wakeDescriptor) }

    var wakePoll: pollfd { pollfd(fd: wakeDescriptor, events: Int16(POLLIN), revents: 0) }

    func clearWake() { cplatform_eventfd_clear(wakeDescriptor) }

    // MARK: Raising

    func isWanted(_ event: EventID) -> Bool {
        wanted.load(ordering: .relaxed) & Self.bit(event) != 0
    }

    /// Tells the listeners and queues the event for the sender; one too many is dropped and counted.
    func raise(_ event: EventID, _ parameters: RPCParameters) {
        counters.add(counters.raised)
        let (listeners, isSubscribed) = contents.withLock { contents in
            (contents.listeners[event.index] ?? [], contents.table.subscriptions.contains { $0.event == event })
        }
        for listener in listeners { listener(parameters) }
        guard isSubscribed else { return }
        let waiting = raised.withLock { raised in
            let count = raised.count
            if count < limits.raisedMax { raised.append(Raised(event: event, parameters: parameters)) }
            return count
        }
        if waiting >= limits.raisedMax { counters.add(counters.lostQueueFull) }
        if waiting == 0 { wake() }
    }

    func takeRaised() -> [Raised] {
        raised.withLock { raised in
            var taken: [Raised] = []
            swap(&taken, &raised)
            return taken
        }
    }

    // MARK: Changes

    /// Changes the table or the listeners, then works out what is wanted, and tells the profiler where that has changed: the caller
    /// may wait for a round of its collector. `body` must not block.
    func change<Answer: Sendable>(_ body: (inout sending Contents) -> Answer) -> Answer {
        let answer = contents.withLock { contents -> Answer in
            // First: whoever raises an event for a new subscriber has seen the change, so the sender must look again.
            generation.add(1, ordering: .releasing)
            let answer = body(&contents)
            update(&contents)
            return answer
        }
        attach()
        wake()
        return answer
    }

    /// A subscriber has begun or ended to be worth producing for.
    func reachabilityChanged() {
        contents.withLock { update(&$0) }
        attach()
    }

    /// Tells the profiler what is wanted now. Of several threads whose turn it is the last sees the last wish.
    private func attach() {
        guard let profiler else { return }
        attached.withLock { attached in
            let wants = contents.withLock { $0.wants }
            guard wants != attached else { return }
            attached = wants
            if wants.isEmpty { profiler.detach(consumer) } else { profiler.attach(consumer, wants: wants) }
        }
    }

    private func update(_ contents: inout Contents) {
        var bits: UInt64 = 0
        var wants: Interest = []
        for subscription in contents.table.subscriptions {
            bits |= Self.bit(subscription.event)
            guard contents.reports[subscription.socket]?.isPausing.load(ordering: .relaxed) != true else { continue }
            guard subscription.event == processEvent || subscription.event == scriptEvent else { continue }
            wants.formUnion(subscription.event == processEvent ? .process : .script)
            let fields = options.format(of: subscription.socket, fields: subscription.fields).fields
            if fields.contains(.call) { wants.insert(.subjects) }
        }
        for event in contents.listeners.keys { bits |= Self.bit(EventID(index: event)) }
        wanted.store(bits, ordering: .relaxed)
        let used = Set(contents.table.subscriptions.map(\.socket))
        for socket in contents.reports.keys where !used.contains(socket) { contents.reports[socket] = nil }
        contents.wants = wants
    }

    private static func bit(_ event: EventID) -> UInt64 { 1 << UInt64(min(event.index, 63)) }
}
