import Reactor
import SIPDialog
import Synchronization

/// The figures of group `dialog`.
final class DialogStatistics: Sendable {
    let active = Atomic<Int>(0)
    let early = Atomic<Int>(0)
    let processed: Counter
    let expired: Counter
    let failed: Counter
    private let statistics: Statistics
    private let isOn: Bool

    init(_ statistics: Statistics, isOn: Bool) {
        self.statistics = statistics
        self.isOn = isOn
        processed = statistics.counter(group: "dialog", name: "processed_dialogs")
        expired = statistics.counter(group: "dialog", name: "expired_dialogs")
        failed = statistics.counter(group: "dialog", name: "failed_dialogs")
        // Nothing is replicated: figures that monitors look for, always 0.
        for name in ["create_sent", "update_sent", "delete_sent", "create_recv", "update_recv", "delete_recv"] {
            _ = statistics.counter(group: "dialog", name: name)
        }
    }

    /// Shows the figures that are counted here.
    ///
    /// - Parameter stored: dialogs in memory, those included that are over.
    func registerGauges(stored: @escaping @Sendable () -> Int) {
        statistics.gauge(group: "dialog", name: "stored_dialogs", stored)
        statistics.gauge(group: "dialog", name: "active_dialogs") { [self] in active.load(ordering: .relaxed) }
        statistics.gauge(group: "dialog", name: "early_dialogs") { [self] in early.load(ordering: .relaxed) }
    }

    /// `enable_stats` 0 leaves the counters alone.
    func count(_ counter: Counter) {
        if isOn { statistics.shared.add(counter) }
    }

    /// A dialog was created.
    func noteCreated() {
        active.add(1, ordering: .relaxed)
        count(processed)
    }

    func note(_ old: DialogState, _ new: DialogState) {
        if new == .early { early.add(1, ordering: .relaxed) }
        if old == .early { early.subtract(1, ordering: .relaxed) }
        if new == .deleted { active.subtract(1, ordering: .relaxed) }
    }
}
