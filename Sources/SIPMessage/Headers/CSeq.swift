package import Bytes

/// The value of `CSeq`: a number below 2^31 and a method (RFC 3261 §20.16).
package struct CSeq: Sendable {
    /// The sequence number.
    package let number: UInt32
    /// The method.
    package let method: Method
    /// The method's name as written.
    package let methodText: ByteString

    /// Decodes a value; nil when it breaks the grammar or the number passes 2^31 - 1.
    package init?(_ text: ByteString) {
        let bytes = text.storage.span
        let (start, end) = (text.range.start, text.range.end)
        var index = start
        while index < end, ASCII.isDigit(bytes[index]) { index &+= 1 }
        guard let number = bytes.decimal(start, index, max: 0x7FFF_FFFF) else { return nil }
        let methodStart = bytes.skipWhitespace(index, end)
        let methodEnd = bytes.skipToken(methodStart, end)
        guard methodStart > index, methodEnd > methodStart, methodEnd == end else { return nil }
        self.number = UInt32(number)
        method = Method(bytes: bytes, methodStart, methodEnd)
        methodText = ByteString(storage: text.storage, range: ByteRange(methodStart, methodEnd))
    }
}

/// The value of `RAck` (RFC 3262 §7.2): which provisional response a PRACK acknowledges.
package struct RAck: Sendable {
    /// The `RSeq` of the response.
    package let responseNumber: UInt32
    /// The `CSeq` of the response.
    package let cseq: CSeq

    /// Decodes a value; nil when it breaks the grammar.
    package init?(_ text: ByteString) {
        let bytes = text.storage.span
        let (start, end) = (text.range.start, text.range.end)
        var index = start
        while index < end, ASCII.isDigit(bytes[index]) { index &+= 1 }
        guard let number = bytes.decimal(start, index, max: UInt64(UInt32.max)) else { return nil }
        let rest = bytes.skipWhitespace(index, end)
        guard rest > index, let cseq = CSeq(ByteString(storage: text.storage, range: ByteRange(rest, end))) else {
            return nil
        }
        responseNumber = UInt32(number)
        self.cseq = cseq
    }
}

extension Message {
    /// The value of `CSeq`; nil when it is missing or breaks the grammar.
    package var cseq: CSeq? { value(.cseq).flatMap { CSeq($0) } }
    /// The value of `RAck`; nil when it is missing or breaks the grammar.
    package var rack: RAck? { value(.rack).flatMap { RAck($0) } }
    /// The value of `Call-ID`, empty when it is missing. Compared byte by byte (RFC 3261 §20.8).
    package var callID: ByteString { value(.callID) ?? .empty }
    /// The value of `Max-Forwards`; nil when it is missing or no number up to 2^32 - 1. RFC 3261 §20.22 allows 0–255.
    package var maxForwards: UInt32? { number(.maxForwards) }
    /// The value of `Content-Length`; nil when it is missing.
    package var contentLength: UInt32? { number(.contentLength) }
    /// The value of `Expires` in seconds; nil when it is missing or no number up to 2^32 - 1.
    package var expires: UInt32? { number(.expires) }

    /// The number that the value of the first field with `id` starts with, parameters and comments after it ignored;
    /// nil when the field is missing, or does not start with a number up to 2^32 - 1. For Expires, Min-Expires,
    /// Min-SE, Session-Expires, Retry-After, RSeq, …
    package func number(_ id: HeaderID) -> UInt32? {
        guard let field = first(id) else { return nil }
        let buffer = storage.buffer
        let bytes = buffer.span
        let (start, end) = (Int(field.valueLower), Int(field.valueUpper))
        var index = start
        while index < end, ASCII.isDigit(bytes[index]) { index &+= 1 }
        guard index == end || !ASCII.isTokenCharacter(bytes[index]) else { return nil }
        return bytes.decimal(start, index, max: UInt64(UInt32.max)).map { UInt32($0) }
    }
}
