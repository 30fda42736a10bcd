package import Bytes

/// One header field as ranges into its message's buffer: 20 bytes, trivially copyable.
///
/// ```
/// V i a :   S I P / 2 . 0 / U D P   h ; b r a n c h = x  CR LF
/// └name┘    └──────────── value ─────────────────────┘
/// └──────────────────────── line ─────────────────────────────┘
/// ```
/// `value` is without white space at both ends, but still holds what line folding put inside (`isFolded`).
package struct HeaderField: BitwiseCopyable, Hashable, Sendable {
    /// Which header it is.
    package let id: HeaderID
    /// Whether the field goes on over several lines (RFC 3261 §7.3.1).
    package let isFolded: Bool
    let nameCount: UInt16
    let lineLower: UInt32
    let valueLower: UInt32
    let valueUpper: UInt32
    let lineUpper: UInt32

    /// The name as it was written.
    package var name: ByteRange { ByteRange(lower: lineLower, upper: lineLower + UInt32(nameCount)) }
    /// The value, trimmed.
    package var value: ByteRange { ByteRange(lower: valueLower, upper: valueUpper) }
    /// The whole field with its line end.
    package var line: ByteRange { ByteRange(lower: lineLower, upper: lineUpper) }

    /// What fills unused places; never handed out.
    static let unused = HeaderField(
        id: .other, isFolded: false, nameCount: 0, lineLower: 0, valueLower: 0, valueUpper: 0, lineUpper: 0)
}
