import Reactor

/// The figures of the event interface in statistics group `evi`. Counted on any thread with a locked addition, once a
/// batch.
struct EventCounters: Sendable {
    let statistics: Statistics
    let raised: Counter
    let sent: Counter
    let lostQueueFull: Counter
    let lostUnreachable: Counter
    let lostSubscriberFull: Counter
    let lostTooLong: Counter
    let lostRefused: Counter
    let lostUnsubscribed: Counter
    let subscriptionsExpired: Counter
    let subscriptionsDropped: Counter

    init(_ statistics: Statistics) {
        self.statistics = statistics
        raised = statistics.counter(group: "evi", name: "raised_events")
        sent = statistics.counter(group: "evi", name: "sent_events")
        lostQueueFull = statistics.counter(group: "evi", name: "lost_queue_full")
        lostUnreachable = statistics.counter(group: "evi", name: "lost_unreachable")
        lostSubscriberFull = statistics.counter(group: "evi", name: "lost_subscriber_full")
        lostTooLong = statistics.counter(group: "evi", name: "lost_too_long")
        lostRefused = statistics.counter(group: "evi", name: "lost_refused")
        lostUnsubscribed = statistics.counter(group: "evi", name: "lost_unsubscribed")
        subscriptionsExpired = statistics.counter(group: "evi", name: "expired_subscriptions")
        subscriptionsDropped = statistics.counter(group: "evi", name: "dropped_subscriptions")
    }

    func add(_ counter: Counter, _ amount: Int = 1) {
        if amount != 0 { statistics.shared.add(counter, amount) }
    }
}
