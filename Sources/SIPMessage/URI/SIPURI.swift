package import Bytes

/// A SIP, SIPS or TEL URI taken apart into ranges (RFC 3261 §19.1, RFC 3966); of any other scheme only the scheme is
/// known.
///
/// ```
/// sip:alice:secret@[2001:db8::1]:5060;transport=tcp;lr?subject=x
///     └user └password └host      └port └parameters     └headers
/// ```
/// Escapes stay as written; `ByteString.percentDecoded()` undoes them. Decoding allocates nothing.
package struct SIPURI: Sendable {
    /// What the parts mean.
    package enum Scheme: UInt8, Sendable {
        case sip, sips, tel, other
    }

    let storage: [UInt8]
    /// The whole URI.
    package let range: ByteRange
    /// The scheme.
    package let scheme: Scheme
    /// The scheme as written.
    package let schemeRange: ByteRange
    /// The user, or of a `tel` URI the number; empty when there is none.
    package private(set) var userRange = ByteRange.empty
    /// The password; empty when there is none.
    package private(set) var passwordRange = ByteRange.empty
    /// The host, an IPv6 reference with its brackets; of another scheme everything after the colon; empty for `tel`.
    package private(set) var hostRange = ByteRange.empty
    /// The port; nil when it is not given.
    package private(set) var port: UInt16?
    /// Everything from the first semicolon on, without headers.
    package private(set) var parametersRange = ByteRange.empty
    /// What follows the question mark.
    package private(set) var headersRange = ByteRange.empty
    /// Whether there is an `@`.
    package private(set) var hasUser = false

    /// Takes `text` apart; nil when it breaks the grammar.
    package init?(_ text: ByteString) {
        storage = text.storage
        range = text.range
        // Its own copy of the reference: `self` is still being made while the bytes are read.
        let buffer = text.storage
        let bytes = buffer.span
        let (start, end) = (range.start, range.end)
        guard start < end, ASCII.isAlpha(bytes[start]) else { return nil }
        let colon = bytes.find(ASCII.colon, start, end)
        guard colon < end else { return nil }
        schemeRange = ByteRange(start, colon)
        scheme = SIPURI.scheme(bytes, start, colon)
        let isReadable: Bool
        switch scheme {
        case .sip, .sips: isReadable = readSIP(bytes, colon &+ 1, end)
        case .tel: isReadable = readTel(bytes, colon &+ 1, end)
        case .other: isReadable = readOther(bytes, colon &+ 1, end)
        }
        if !isReadable { return nil }
    }

    private static func scheme(_ bytes: Span<UInt8>, _ lower: Int, _ upper: Int) -> Scheme {
        if bytes.equalsIgnoringCase("sip", at: lower, upper) { return .sip }
        if bytes.equalsIgnoringCase("sips", at: lower, upper) { return .sips }
        if bytes.equalsIgnoringCase("tel", at: lower, upper) { return .tel }
        return .other
    }

    private mutating func readSIP(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Bool {
        var index = start
        let at = bytes.find(ASCII.at, start, end)
        if at < end {
            let colon = bytes.find(ASCII.colon, start, at)
            guard colon > start, bytes.isUserPart(start, at) else { return false }
            hasUser = true
            userRange = ByteRange(start, colon)
            if colon < at { passwordRange = ByteRange(colon &+ 1, at) }
            index = at &+ 1
        }
        guard let hostEnd = bytes.skipHost(index, end) else { return false }
        hostRange = ByteRange(index, hostEnd)
        index = hostEnd
        if index < end, bytes[index] == ASCII.colon {
            let portStart = index &+ 1
            index = portStart
            while index < end, ASCII.isDigit(bytes[index]) { index &+= 1 }
            guard let number = bytes.decimal(portStart, index, max: 65_535) else { return false }
            port = UInt16(number)
        }
        let question = bytes.find(ASCII.question, index, end)
        parametersRange = ByteRange(index, question)
        if question < end { headersRange = ByteRange(question &+ 1, end) }
        return (index == question || bytes[index] == ASCII.semicolon) && bytes.isURIText(index, end)
    }

    private mutating func readTel(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Bool {
        let semicolon = bytes.find(ASCII.semicolon, start, end)
        userRange = ByteRange(start, semicolon)
        parametersRange = ByteRange(semicolon, end)
        return start < semicolon && bytes.isTelephoneNumber(start, semicolon) && bytes.isURIText(semicolon, end)
    }

    private mutating func readOther(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Bool {
        hostRange = ByteRange(start, end)
        for index in schemeRange.indices {
            let byte = bytes[index]
            guard
                ASCII.isAlphanumeric(byte) || byte == UInt8(ascii: "+") || byte == UInt8(ascii: "-")
                    || byte == UInt8(ascii: ".")
            else { return false }
        }
        return start < end && bytes.isURIText(start, end)
    }

    /// The whole URI as text.
    package var text: ByteString { ByteString(storage: storage, range: range) }
    /// The scheme as written.
    package var schemeText: ByteString { ByteString(storage: storage, range: schemeRange) }
    /// The user as written, or of a `tel` URI the number; empty when there is none.
    package var user: ByteString { ByteString(storage: storage, range: userRange) }
    /// The password as written; empty when there is none.
    package var password: ByteString { ByteString(storage: storage, range: passwordRange) }
    /// The host, an IPv6 reference with its brackets.
    package var host: ByteString { ByteString(storage: storage, range: hostRange) }
    /// The parameters.
    package var parameters: Parameters { Parameters(storage: storage, range: parametersRange) }
    /// The headers, each `name=value`.
    package var headers: Parameters {
        Parameters(storage: storage, range: headersRange, separator: UInt8(ascii: "&"))
    }
    /// Whether it is a SIPS URI.
    package var isSecure: Bool { scheme == .sips }
    /// Whether it holds `lr`: a loose router (RFC 3261 §19.1.1).
    package var isLooseRouter: Bool { parameters.contains("lr") }
    /// The value of `transport` as written; nil when there is none.
    package var transport: ByteString? { parameters.value("transport") }
    /// The port, or the scheme's own: 5060 for `sip`, 5061 for `sips`.
    package var effectivePort: UInt16 { port ?? (isSecure ? 5061 : 5060) }
}

extension Span where Element == UInt8 {
    /// Whether the bytes may stand in a user and password: no white space, control, quote, bracket; escapes are whole.
    func isUserPart(_ lower: Int, _ upper: Int) -> Bool {
        for index in lower..<upper where self[index] == ASCII.less || self[index] == ASCII.openBracket {
            return false
        }
        return isURIText(lower, upper)
    }

    /// Whether the bytes are printable ASCII without space, quote, `<`, `>`, and each `%` is followed by two hex
    /// digits.
    func isURIText(_ lower: Int, _ upper: Int) -> Bool {
        var index = lower
        while index < upper {
            let byte = self[index]
            guard byte > ASCII.space, byte < 127, byte != ASCII.quote, byte != ASCII.less, byte != ASCII.greater else {
                return false
            }
            if byte == ASCII.percent {
                guard index &+ 2 < upper, ASCII.isHexDigit(self[index &+ 1]), ASCII.isHexDigit(self[index &+ 2]) else {
                    return false
                }
            }
            index &+= 1
        }
        return true
    }

    /// Whether the bytes are a number of RFC 3966: an optional `+`, digits, `*`, `#`, hex letters and visual
    /// separators.
    func isTelephoneNumber(_ lower: Int, _ upper: Int) -> Bool {
        var digits = 0
        for index in lower..<upper {
            switch self[index] {
            case UInt8(ascii: "+") where index == lower: continue
            case UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "("), UInt8(ascii: ")"): continue
            case ASCII.asterisk, UInt8(ascii: "#"): digits &+= 1
            default:
                guard ASCII.isHexDigit(self[index]) else { return false }
                digits &+= 1
            }
        }
        return digits > 0
    }
}
