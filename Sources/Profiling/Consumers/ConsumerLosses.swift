/// What a consumer did not get, by cause, in records. Sessions that miss something end with `isTruncated`.
public struct ConsumerLosses: Sendable, Hashable {
    /// Overwritten in a ring before the collector came round: exact for the ring; of all producers. Not counted while the consumer
    /// wants nothing and no session is open for it.
    public var overrun: UInt64 = 0
    /// Read, but of sessions whose beginning was lost.
    public var orphaned: UInt64 = 0
    /// The consumer's own queue was full.
    public var queueFull: UInt64 = 0

    /// Nothing lost yet.
    public init() {}

    /// All causes together.
    public var total: UInt64 { overrun + orphaned + queueFull }
}
