/// Limits of the event interface, each crossed by a test.
package struct EventLimits: Sendable {
    /// Published events.
    package var eventsMax = 1024
    /// Subscriptions of all events together.
    package var subscriptionsMax = 1024
    /// Raised events that wait for the sender; more are dropped and counted.
    package var raisedMax = 8192
    /// Bytes that wait for one subscriber that is slow to read; more is dropped and counted.
    package var pendingBytesMax = 1 << 20
    /// Records that wait for the sender; see `Consumer`.
    package var recordsMax = 65_536

    /// Bytes of one event, as the peer has it.
    package static let eventBytesMax = 65_457
    /// Expiry of a subscription that does not say, in seconds.
    package static let expireSecondsDefault = 3600

    package init() {}
}
