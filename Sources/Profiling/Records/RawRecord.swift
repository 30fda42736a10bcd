/// A record as it lies in the ring: 16 bytes.
///
/// ```
///          63                  32 31  24 23               4 3    0
/// word 0  │ ticks                                               │
/// word 1  │ status              │  0    │ site number      │ verb │   start, enter, exit, end; of a start 1: annotated
///         │ 0 │ cause (bit 60) │ session named by next start │ verb │   link
///         │ byte ring position  │ key (16) │ count (12)     │ verb │   annotation
///         │ byte ring position  │ next (1) │ count (12)     │ verb │   subject
///         │ 0                                               │ verb │   cut
/// ```
struct RawRecord: BitwiseCopyable {
    var ticks: UInt64
    var word: UInt64

    enum Kind: UInt64 {
        case start = 1
        case enter = 2
        case exit = 3
        case end = 4
        case scriptStart = 5
        case scriptEnd = 6
        case link = 7
        case annotation = 8
        /// The writer found sessions open that it should have ended: everything open is closed.
        case cut = 9
        case subject = 10
    }

    var kind: Kind? { Kind(rawValue: word & 15) }
    var site: Int { Int(word &>> 4 & UInt64(Site.numberMask)) }
    var status: Int32 { Int32(truncatingIfNeeded: word &>> 32) }
    var token: SessionToken { SessionToken(rawValue: word &>> 4 & SessionToken.bitsMask) }
    /// Of a start: whether annotations were wanted when its pass began.
    var isAnnotated: Bool { status & 1 != 0 }
    var isCause: Bool { word & RawRecord.causeBit != 0 }
    /// A subject is that of the script session that starts next.
    var isOfNextScript: Bool { annotationKey != 0 }
    var annotationCount: Int { Int(word &>> 4 & 0xFFF) }
    var annotationKey: UInt16 { UInt16(truncatingIfNeeded: word &>> 16) }
    var annotationPosition: UInt32 { UInt32(truncatingIfNeeded: word &>> 32) }

    @inline(__always)
    static func word(_ kind: Kind, _ site: Site, status: Int32 = 0) -> UInt64 {
        kind.rawValue | UInt64(site.raw & Site.numberMask) &<< 4 | UInt64(UInt32(bitPattern: status)) &<< 32
    }

    static func link(_ token: SessionToken, isCause: Bool) -> UInt64 {
        Kind.link.rawValue | token.bits &<< 4 | (isCause ? causeBit : 0)
    }

    private static let causeBit: UInt64 = 1 &<< 60

    static func annotation(key: UInt16, count: Int, position: UInt64) -> UInt64 {
        Kind.annotation.rawValue | UInt64(count & 0xFFF) &<< 4 | UInt64(key) &<< 16
            | UInt64(UInt32(truncatingIfNeeded: position)) &<< 32
    }

    static func subject(count: Int, position: UInt64, isOfNextScript: Bool) -> UInt64 {
        annotation(key: isOfNextScript ? 1 : 0, count: count, position: position) & ~15 | Kind.subject.rawValue
    }
}
