/// One subscriber of one event.
struct Subscription: Hashable, Sendable {
    let event: EventID
    let socket: EventSocket
    /// Seconds from the last renewal; `nil` never ends.
    var expireSeconds: Int?
    /// On the clock of the table's caller, in milliseconds.
    var endsAt: Int?
    /// What it asks for beyond what the transport's module asks for.
    var fields: ExtraFields = []

    /// Whole seconds left, as `ttl` shows them.
    func secondsLeft(at now: Int) -> Int? { endsAt.map { max(0, ($0 - now) / 1000) } }
}

/// Who wants which event, until when. Pure: the time is given.
struct SubscriptionTable: Sendable {
    private(set) var subscriptions: [Subscription] = []
    let subscriptionsMax: Int
    /// Longest expiry that is kept as given; more is cut to this (about 31 years), so that no sum overflows.
    static let expireSecondsMax = 1_000_000_000

    init(subscriptionsMax: Int) { self.subscriptionsMax = subscriptionsMax }

    /// Adds a subscription or renews the one of the same event and socket; `false` when the table is full.
    mutating func subscribe(
        _ event: EventID, _ socket: EventSocket, expireSeconds: Int?, fields: ExtraFields = [], now: Int
    ) -> Bool {
        let expireSeconds = expireSeconds.map { min($0, Self.expireSecondsMax) }
        let endsAt = expireSeconds.map { now + $0 * 1000 }
        if let index = index(event, socket) {
            subscriptions[index].expireSeconds = expireSeconds
            subscriptions[index].endsAt = endsAt
            subscriptions[index].fields = fields
            return true
        }
        guard subscriptions.count < subscriptionsMax else { return false }
        subscriptions.append(
            Subscription(event: event, socket: socket, expireSeconds: expireSeconds, endsAt: endsAt, fields: fields))
        return true
    }

    /// Removes one; `false` when it was not there.
    mutating func unsubscribe(_ event: EventID, _ socket: EventSocket) -> Bool {
        guard let index = index(event, socket) else { return false }
        subscriptions.remove(at: index)
        return true
    }

    /// Whether ``drop(_:)`` would remove any.
    func hasDroppable(_ socket: EventSocket) -> Bool { subscriptions.contains { Self.isDroppable($0, socket) } }

    /// Removes those of a socket that end some day; subscriptions of the script stay. Gives how many went.
    mutating func drop(_ socket: EventSocket) -> Int {
        let before = subscriptions.count
        subscriptions.removeAll { Self.isDroppable($0, socket) }
        return before - subscriptions.count
    }

    private static func isDroppable(_ subscription: Subscription, _ socket: EventSocket) -> Bool {
        subscription.socket == socket && subscription.endsAt != nil
    }

    /// Removes what has ended; `true` when there was something.
    mutating func expire(now: Int) -> Bool {
        let before = subscriptions.count
        subscriptions.removeAll { subscription in subscription.endsAt.map { $0 <= now } ?? false }
        return subscriptions.count != before
    }

    /// When the next one ends.
    var nextEnd: Int? { subscriptions.compactMap(\.endsAt).min() }

    func subscribers(of event: EventID) -> [Subscription] { subscriptions.filter { $0.event == event } }

    private func index(_ event: EventID, _ socket: EventSocket) -> Int? {
        subscriptions.firstIndex { $0.event == event && $0.socket == socket }
    }
}
