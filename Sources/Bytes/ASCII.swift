/// Byte classes and conversions of ASCII text, as SIP, URIs and route scripts use them.
///
/// Everything here is branch-light and free of allocation; class tests are one table look-up or one comparison.
/// The type is `@usableFromInline`, as are the others of this target: without that, `@inlinable` on a `package`
/// member does nothing, and each test of a byte in another target is a call (measured with Swift 6.3.1).
@usableFromInline
package enum ASCII {
    @inlinable package static var tab: UInt8 { 9 }
    @inlinable package static var lineFeed: UInt8 { 10 }
    @inlinable package static var carriageReturn: UInt8 { 13 }
    @inlinable package static var space: UInt8 { 32 }
    @inlinable package static var quote: UInt8 { 34 }
    @inlinable package static var percent: UInt8 { 37 }
    @inlinable package static var asterisk: UInt8 { 42 }
    @inlinable package static var comma: UInt8 { 44 }
    @inlinable package static var slash: UInt8 { 47 }
    @inlinable package static var colon: UInt8 { 58 }
    @inlinable package static var semicolon: UInt8 { 59 }
    @inlinable package static var less: UInt8 { 60 }
    @inlinable package static var equal: UInt8 { 61 }
    @inlinable package static var greater: UInt8 { 62 }
    @inlinable package static var question: UInt8 { 63 }
    @inlinable package static var at: UInt8 { 64 }
    @inlinable package static var openBracket: UInt8 { 91 }
    @inlinable package static var backslash: UInt8 { 92 }
    @inlinable package static var closeBracket: UInt8 { 93 }

    /// `0`–`9`.
    @inlinable
    package static func isDigit(_ byte: UInt8) -> Bool { byte &- 48 < 10 }

    /// `A`–`Z`, `a`–`z`.
    @inlinable
    package static func isAlpha(_ byte: UInt8) -> Bool { (byte | 0x20) &- 97 < 26 }

    /// A letter or a digit.
    @inlinable
    package static func isAlphanumeric(_ byte: UInt8) -> Bool { isDigit(byte) || isAlpha(byte) }

    /// `0`–`9`, `A`–`F`, `a`–`f`.
    @inlinable
    package static func isHexDigit(_ byte: UInt8) -> Bool { isDigit(byte) || (byte | 0x20) &- 97 < 6 }

    /// Space or tab.
    @inlinable
    package static func isBlank(_ byte: UInt8) -> Bool { byte == 32 || byte == 9 }

    /// Space, tab, carriage return or line feed: what RFC 3261 calls LWS, each byte by itself.
    @inlinable
    package static func isWhitespace(_ byte: UInt8) -> Bool { byte == 32 || byte == 9 || byte == 13 || byte == 10 }

    /// A byte of `token` (RFC 3261 §25.1): letters, digits and ``-.!%*_+`'~``.
    @inlinable
    package static func isTokenCharacter(_ byte: UInt8) -> Bool {
        if byte < 64 { return (tokenBitsLow >> UInt64(byte)) & 1 == 1 }
        if byte < 128 { return (tokenBitsHigh >> UInt64(byte &- 64)) & 1 == 1 }
        return false
    }

    /// Bits of the token bytes below 64: `! % ' * + - .` and the digits.
    @inlinable package static var tokenBitsLow: UInt64 { 0x03FF_6CA2_0000_0000 }
    /// Bits of the token bytes from 64 on: letters, `_`, backquote and `~`.
    @inlinable package static var tokenBitsHigh: UInt64 { 0x47FF_FFFF_87FF_FFFE }

    /// The lower-case form of an ASCII letter, any other byte unchanged.
    @inlinable
    package static func lowercased(_ byte: UInt8) -> UInt8 { byte &- 65 < 26 ? byte | 0x20 : byte }

    /// The upper-case form of an ASCII letter, any other byte unchanged.
    @inlinable
    package static func uppercased(_ byte: UInt8) -> UInt8 { byte &- 97 < 26 ? byte & 0xDF : byte }

    /// The value 0–15 of a hex digit; nil for any other byte.
    @inlinable
    package static func hexValue(_ byte: UInt8) -> UInt8? {
        if byte &- 48 < 10 { return byte &- 48 }
        let letter = (byte | 0x20) &- 97
        return letter < 6 ? letter &+ 10 : nil
    }

    /// The lower-case hex digit of 0–15; only the low four bits of `value` count.
    @inlinable
    package static func hexDigit(_ value: UInt8) -> UInt8 {
        let nibble = value & 15
        return nibble < 10 ? 48 &+ nibble : 87 &+ nibble
    }
}
