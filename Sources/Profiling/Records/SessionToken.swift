/// The id of a session: the ring position of its `start` record and its process, so that writer and reader
/// know it without any agreement. Unique over all processes for the life of the program; fits 53 bits.
///
/// ```
///  53           52                    9 8         0
/// ┌────────────┬───────────────────────┬───────────┐
/// │ annotated  │ position of `start`   │ process   │
/// └────────────┴───────────────────────┴───────────┘
/// ```
public struct SessionToken: BitwiseCopyable, Hashable, Sendable {
    /// With the bit that is not on the wire.
    let bits: UInt64

    /// No session: nobody was interested when it would have begun.
    public static let none = SessionToken(rawValue: 0)

    /// Takes the number as it is on the wire, or as `bits` has it.
    public init(rawValue: UInt64) { bits = rawValue }

    init(position: UInt64, process: Int, isAnnotated: Bool) {
        bits =
            (position &<< SessionToken.processBits | UInt64(truncatingIfNeeded: process)) & SessionToken.wireMask
            | (isAnnotated ? SessionToken.annotatedBit : 0)
    }

    /// The number on the wire.
    public var rawValue: UInt64 { bits & SessionToken.wireMask }

    /// Whether the session was recorded for somebody who wants annotations, who has all of it then; else for others only, or for
    /// nobody.
    public var isAnnotated: Bool { bits & SessionToken.annotatedBit != 0 }

    /// The same session, as one that was recorded with annotations: for tests, and for who knows it from the wire.
    public var annotated: SessionToken { SessionToken(rawValue: bits | SessionToken.annotatedBit) }

    /// The process that the session ran on.
    public var process: Int { Int(bits & (1 &<< SessionToken.processBits - 1)) }

    static let processBits: UInt64 = 9
    static let bitsMask: UInt64 = 1 &<< 54 - 1
    private static let wireMask: UInt64 = 1 &<< 53 - 1
    private static let annotatedBit: UInt64 = 1 &<< 53
}
