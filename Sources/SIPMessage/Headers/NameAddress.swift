package import Bytes

/// An address with a display name and parameters: the value of From, To, Contact, Route, Refer-To, … (RFC 3261 §20.10).
///
/// ```
/// "Bob" <sip:bob@example.net;lr>;tag=88
/// └display └uri                 └parameters
/// ```
/// Without `<` and `>` what follows a semicolon belongs to the header, not to the URI.
package struct NameAddress: Sendable {
    let storage: [UInt8]
    /// The whole value.
    package let range: ByteRange
    /// The display name as written, quotes included; empty when there is none.
    package let displayNameRange: ByteRange
    /// The URI without `<` and `>`; of `Contact: *` the asterisk.
    package let uriRange: ByteRange
    /// Everything from the first semicolon after the URI on.
    package let parametersRange: ByteRange
    /// Whether the URI stands between `<` and `>`.
    package let isBracketed: Bool

    /// Decodes one value; nil when it breaks the grammar.
    package init?(_ text: ByteString) {
        self.init(storage: text.storage, text.range.start, text.range.end)
    }

    init?(storage: [UInt8], _ lower: Int, _ upper: Int) {
        let bytes = storage.span
        let start = bytes.skipWhitespace(lower, upper)
        let end = bytes.trimEnd(start, upper)
        var open = start
        while open < end, bytes[open] != ASCII.less {
            // A bare address has no quotes, so a semicolon outside them ends the search.
            if bytes[open] == ASCII.quote {
                guard let after = bytes.skipQuoted(open, end) else { return nil }
                open = after
            } else if bytes[open] == ASCII.semicolon {
                open = end
            } else {
                open &+= 1
            }
        }
        self.storage = storage
        self.range = ByteRange(start, end)
        let afterURI: Int
        if open < end {
            let close = bytes.find(ASCII.greater, open, end)
            let uriStart = bytes.skipWhitespace(open &+ 1, close)
            let uriEnd = bytes.trimEnd(uriStart, close)
            guard close < end, uriStart < uriEnd else { return nil }
            displayNameRange = ByteRange(start, bytes.trimEnd(start, open))
            uriRange = ByteRange(uriStart, uriEnd)
            isBracketed = true
            afterURI = bytes.skipWhitespace(close &+ 1, end)
        } else {
            let semicolon = bytes.find(ASCII.semicolon, start, end)
            let uriEnd = bytes.trimEnd(start, semicolon)
            guard start < uriEnd, bytes[start] != ASCII.quote else { return nil }
            displayNameRange = ByteRange(start, start)
            uriRange = ByteRange(start, uriEnd)
            isBracketed = false
            afterURI = semicolon
        }
        guard afterURI == end || bytes[afterURI] == ASCII.semicolon, bytes.areQuotesClosed(afterURI, end) else {
            return nil
        }
        parametersRange = ByteRange(afterURI, end)
    }

    /// The whole value as text.
    package var text: ByteString { ByteString(storage: storage, range: range) }
    /// The display name as written, quotes included; empty when there is none.
    package var displayName: ByteString { ByteString(storage: storage, range: displayNameRange) }
    /// The URI as written.
    package var uriText: ByteString { ByteString(storage: storage, range: uriRange) }
    /// The URI taken apart; nil when it breaks the grammar.
    package var uri: SIPURI? { SIPURI(uriText) }
    /// Whether it is `*`, which a REGISTER uses to remove all bindings (RFC 3261 §10.2.2).
    package var isAsterisk: Bool { uriRange.count == 1 && storage[uriRange.start] == ASCII.asterisk }
    /// The header parameters.
    package var parameters: Parameters { Parameters(storage: storage, range: parametersRange) }
    /// The value of `tag`; nil when there is none or it is empty.
    package var tag: ByteString? {
        let bytes = storage.span
        var index = parametersRange.start
        while let parameter = bytes.nextParameter(&index, parametersRange.end, separator: ASCII.semicolon) {
            guard !parameter.value.isEmpty,
                bytes.equalsIgnoringCase("tag", at: parameter.name.start, parameter.name.end)
            else { continue }
            return ByteString(storage: storage, range: parameter.value)
        }
        return nil
    }
    /// The value of `expires` in seconds; nil when there is none or it is no number.
    package var expires: UInt32? {
        guard let value = parameters.value("expires") else { return nil }
        return storage.span.decimal(value.range.start, value.range.end, max: UInt64(UInt32.max)).map { UInt32($0) }
    }
    /// The value of `q` in thousandths, 0–1000; nil when there is none or it breaks the grammar.
    package var qThousandths: Int? {
        guard let value = parameters.value("q") else { return nil }
        return value.qThousandths
    }
}

extension ByteString {
    /// A qvalue (RFC 3261 §25.1) in thousandths: `0`, `1`, `0.5`, `1.000`; nil when it is none.
    package var qThousandths: Int? {
        guard let head = first, head == UInt8(ascii: "0") || head == UInt8(ascii: "1"), count <= 5 else { return nil }
        var value = Int(head - 48) * 1000
        if count > 1 {
            guard self[1] == UInt8(ascii: ".") else { return nil }
            var weight = 100
            for index in 2..<Swift.max(2, count) {
                guard ASCII.isDigit(self[index]) else { return nil }
                value += Int(self[index] - 48) * weight
                weight /= 10
            }
        }
        return value <= 1000 ? value : nil
    }
}

extension Message {
    /// The value of `From`; nil when it is missing or breaks the grammar.
    package var from: NameAddress? { address(.from) }
    /// The value of `To`; nil when it is missing or breaks the grammar.
    package var to: NameAddress? { address(.to) }
    /// The tag of `From`.
    package var fromTag: ByteString? { from?.tag }
    /// The tag of `To`.
    package var toTag: ByteString? { to?.tag }

    /// The value of the first field with `id` as one address; nil when it is missing or is none. Of a list it reads
    /// the first value.
    package func address(_ id: HeaderID) -> NameAddress? {
        guard let field = first(id) else { return nil }
        guard id.isList else { return NameAddress(storage: storage.buffer, field.value.start, field.value.end) }
        var index = field.value.start
        let buffer = storage.buffer
        guard let range = buffer.span.nextElement(&index, field.value.end) else { return nil }
        return NameAddress(storage: buffer, range.start, range.end)
    }
}
