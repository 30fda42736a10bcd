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
/// raised events ────────────────┴─► for each format: batch of 64, one run of bytes ─► sendmmsg to each subscriber of it
/// ```
final class EventSender {
    private let state: EventState
    private var lanes: [FormatLane] = []
    private var links: [EventSocket: SubscriberLink] = [:]
    private var names: [String] = []
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
        for link in links.values where link.pollEvents != 0 || link.dueAt != nil { link.proceed(now: now) }
        for lane in lanes { lane.send(records, raised, names, state, now) }
        // Raised for subscriptions that have ended meanwhile.
        let unwanted = raised.count { one in !lanes.contains { $0.wants(one.event) } }
        state.counters.add(state.counters.lostUnsubscribed, unwanted)
        followHealth(now)
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
        for (socket, link) in links where reports[socket] !== link.report {
            link.end()
            links[socket] = nil
        }
        for (socket, report) in reports {
            let link =
                links[socket]
                ?? SubscriberLink.make(
                    socket, report: report, counters: state.counters, limits: state.limits, options: state.options)
            link.follow(subscriptions.lazy.filter { $0.socket == socket }.map(\.event.index))
            if report.isFresh.exchange(false, ordering: .relaxed) { link.makeFresh() }
            links[socket] = link
        }
        lanes = FormatLane.lanes(Array(links.values), subscriptions, state.options)
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
            if isPausing, link.health.giveUp(now: now) { giveUp(link) }
        }
        if hasChanged { state.reachabilityChanged() }
    }

    private func giveUp(_ link: SubscriberLink) {
        (link as? StreamLink)?.abandon()
        // A subscription without expiry stays, and with nothing else there is no change that the others should look at.
        guard state.contents.withLock({ $0.table.hasDroppable(link.socket) }) else { return }
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
            let events = link.pollEvents
            if events != 0 { entries.append(pollfd(fd: link.descriptor, events: events, revents: 0)) }
            if let dueAt = link.dueAt { soonest = min(soonest, dueAt) }
            if link.health.isPausing(now: now) { soonest = min(soonest, link.health.retryAt) }
        }
        let timeout = soonest == .max ? -1 : Int32(clamping: max(0, soonest - now))
        poll(&entries, nfds_t(entries.count), timeout)
        state.clearWake()
    }
}
