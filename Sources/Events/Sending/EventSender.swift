import CPlatform
import Glibc
import JSONRPC
import Logging
import Profiling
import Reactor
import Synchronization

/// The thread that formats events and sends them. It has no probe: what it does must not make events of its own.
///
/// ```
/// records (profiling consumer) ─┐
/// raised events ────────────────┴─► batch of 64, one run of bytes ─► sendmmsg to each subscriber that wants it
/// ```
final class EventSender {
    private let state: EventState
    private var batch = MessageBatch()
    private var links: [EventSocket: SubscriberLink] = [:]
    private var names: [String] = []
    private var wantedEvents: Set<Int> = []
    private var nextEnd: Int?
    private var generation = -1

    init(state: EventState) { self.state = state }

    /// Runs until the state says stop; what waits then is still sent as far as subscribers take it at once.
    func run() {
        while true {
            let isLast = state.isStopping.load(ordering: .acquiring)
            round()
            if isLast { return }
            wait()
        }
    }

    /// Takes what there is and sends it.
    func round() {
        let now = state.clock()
        if let nextEnd, nextEnd <= now { expire(now) }
        // Taken before the subscriptions are looked at: what is here may be for one that was made just before.
        let records = state.consumer.take()
        let raised = state.takeRaised()
        refresh()
        for link in links.values where link.isWaiting { link.sendPending(now: now) }
        for record in records {
            let event = record.producer == .script ? state.scriptEvent : state.processEvent
            guard wantedEvents.contains(event.index) else { continue }
            batch.formatter.append(record)
            finish(event, session: record.session, isStart: record.verb == .start, now)
        }
        for one in raised where wantedEvents.contains(one.event.index) {
            batch.formatter.append(name: names[one.event.index], one.parameters)
            finish(one.event, now)
        }
        flush(now)
        followHealth(now)
    }

    private func finish(_ event: EventID, session: UInt64 = 0, isStart: Bool = false, _ now: Int) {
        if !batch.finish(event, session: session, isStart: isStart) { state.counters.add(state.counters.lostTooLong) }
        if batch.isFull { flush(now) }
    }

    private func flush(_ now: Int) {
        guard !batch.isEmpty else { return }
        for link in links.values { link.send(batch, now: now) }
        batch.removeAll()
    }

    // MARK: Subscribers

    private func refresh() {
        let current = state.generation.load(ordering: .acquiring)
        guard current != generation else { return }
        generation = current
        let (names, subscriptions, reports, nextEnd) = state.contents.withLock {
            ($0.catalogue.names, $0.table.subscriptions, $0.reports, $0.table.nextEnd)
        }
        (self.names, self.nextEnd) = (names, nextEnd)
        wantedEvents = Set(subscriptions.map(\.event.index))
        for (socket, link) in links where reports[socket] !== link.report { links[socket] = nil }
        for (socket, report) in reports {
            let link =
                links[socket]
                ?? SubscriberLink(
                    socket: socket, report: report, counters: state.counters,
                    pendingBytesMax: state.limits.pendingBytesMax)
            link.follow(subscriptions.lazy.filter { $0.socket == socket }.map(\.event.index))
            if report.isFresh.exchange(false, ordering: .relaxed) { link.makeFresh() }
            links[socket] = link
        }
    }

    private func expire(_ now: Int) {
        let count = state.change { contents in
            let before = contents.table.subscriptions.count
            _ = contents.table.expire(now: now)
            return before - contents.table.subscriptions.count
        }
        state.counters.add(state.counters.subscriptionsExpired, count)
    }

    /// Tells the others who can't be reached, stops producing for them until the next try, and gives up the dead.
    private func followHealth(_ now: Int) {
        var hasChanged = false
        for link in links.values {
            let isUnreachable = link.health.failingSince != nil
            if link.report.isUnreachable.exchange(isUnreachable, ordering: .relaxed) != isUnreachable {
                state.logger.log(
                    level: isUnreachable ? .warning : .notice,
                    "event subscriber \(link.socket) \(isUnreachable ? "can't be reached" : "is reached again")")
            }
            let isPausing = link.health.isPausing(now: now)
            if link.report.isPausing.exchange(isPausing, ordering: .relaxed) != isPausing { hasChanged = true }
            if isPausing, link.health.isGivenUp(now: now) { giveUp(link) }
        }
        if hasChanged { state.reachabilityChanged() }
    }

    private func giveUp(_ link: SubscriberLink) {
        let count = state.change { $0.table.drop(link.socket) }
        guard count > 0 else { return }
        state.counters.add(state.counters.subscriptionsDropped, count)
        state.logger.warning("event subscriber \(link.socket) is given up: \(count) subscriptions dropped")
    }

    // MARK: Waiting

    private func wait() {
        let now = state.clock()
        var entries = [state.wakePoll]
        var soonest = nextEnd ?? .max
        for link in links.values {
            if link.isWaiting { entries.append(pollfd(fd: link.descriptor, events: Int16(POLLOUT), revents: 0)) }
            if link.health.isPausing(now: now) { soonest = min(soonest, link.health.retryAt) }
        }
        let timeout = soonest == .max ? -1 : Int32(clamping: max(0, soonest - now))
        poll(&entries, nfds_t(entries.count), timeout)
        state.clearWake()
    }
}
