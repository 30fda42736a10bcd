import CPlatform
import Glibc
import JSONRPC
import Reactor
import Synchronization

/// The sending end of one subscriber: what it wants, its socket, its health. Used on the sender's thread only.
///
/// ``DatagramLink`` and ``StreamLink`` know how it is sent. None of them ever waits.
class SubscriberLink {
    let socket: EventSocket
    let report: SubscriberReport
    let counters: EventCounters
    /// The events it is subscribed to, by index, with what it may have of each.
    private var events: [Int: SessionGate] = [:]
    var health = SubscriberHealth()
    var descriptor: Int32 = -1

    init(socket: EventSocket, report: SubscriberReport, counters: EventCounters) {
        self.socket = socket
        self.report = report
        self.counters = counters
    }

    deinit { close() }

    /// A link of the kind that the socket needs.
    static func make(
        _ socket: EventSocket, report: SubscriberReport, counters: EventCounters, limits: EventLimits,
        options: EventOptions
    ) -> SubscriberLink {
        switch socket {
        case .udp, .unix:
            DatagramLink(
                socket: socket, report: report, counters: counters, pendingBytesMax: limits.pendingBytesMax)
        case .tcp:
            StreamLink(
                socket: socket, report: report, counters: counters, pendingBytesMax: limits.pendingBytesMax,
                options: options)
        }
    }

    /// Subscribes it to these events and no others.
    final func follow(_ indexes: some Sequence<Int>) {
        events = Dictionary(indexes.map { ($0, events[$0] ?? SessionGate()) }) { first, _ in first }
    }

    /// What it wants of a batch.
    final func wanted(_ batch: borrowing MessageBatch) -> [cplatform_slice] {
        batch.entries.filter { entry in
            events[entry.event.index]?.admits(session: entry.session, isStart: entry.isStart) ?? false
        }.map(\.slice)
    }

    /// Sends what the subscriber wants of a batch. What does not fit waits in a bounded queue, what the subscriber refuses
    /// is lost and counted.
    func send(_ batch: borrowing MessageBatch, now: Int) { preconditionFailure("of the kinds of links only") }

    /// Goes on with what waits, and looks at what time it is.
    func proceed(now: Int) { preconditionFailure("of the kinds of links only") }

    /// Its last subscription has ended: what waits will never be sent.
    func end() { preconditionFailure("of the kinds of links only") }

    /// What of its descriptor is to be waited for; 0: nothing.
    var pollEvents: Int16 { 0 }

    /// When ``proceed(now:)`` is due whatever happens; `nil`: no time.
    var dueAt: Int? { nil }

    /// Forgets past trouble: it has just subscribed or renewed.
    final func makeFresh() { health = SubscriberHealth() }

    final func note(sent: Int) {
        guard sent > 0 else { return }
        health.sent()
        report.sent.add(sent, ordering: .relaxed)
        counters.add(counters.sent, sent)
    }

    final func lose(_ count: Int, _ counter: Counter) {
        guard count > 0 else { return }
        report.lost.add(count, ordering: .relaxed)
        counters.add(counter, count)
    }

    final func close() {
        guard descriptor >= 0 else { return }
        Glibc.close(descriptor)
        descriptor = -1
    }
}
