/// The id of a session: the ring position of its `start` record and its process, so that writer and reader
/// know it without any agreement. Unique over all processes for the life of the program; fits 53 bits.
///
/// ```
///  52                    9 8         0
/// ┌───────────────────────┬───────────┐
/// │ position of `start`   │ process   │
/// └───────────────────────┴───────────┘
/// ```
public struct SessionToken: BitwiseCopyable, Hashable, Sendable {
    /// The number on the wire.
    public let rawValue: UInt64

    /// No session: nobody was interested when it would have begun.
    public static let none = SessionToken(rawValue: 0)

    /// Takes the number as it is on the wire.
    public init(rawValue: UInt64) { self.rawValue = rawValue }

    init(position: UInt64, process: Int) {
        rawValue = position &<< SessionToken.processBits | UInt64(truncatingIfNeeded: process)
    }

    /// The process that the session ran on.
    public var process: Int { Int(rawValue & (1 &<< SessionToken.processBits - 1)) }

    static let processBits: UInt64 = 9
}
