package import Bytes

/// One value of `Via` (RFC 3261 §20.42), decoded once into ranges.
///
/// ```
/// SIP/2.0/UDP  first.example.com : 4000 ; branch=z9hG4bKa7 ; received=192.0.2.1 ; rport=5061
///         └transport └host         └port  └ parameters
/// ```
package struct Via: Sendable {
    let storage: [UInt8]
    /// The whole value.
    package let range: ByteRange
    /// `UDP`, `TCP`, `TLS`, `WS`, …
    package let transportRange: ByteRange
    /// The host of sent-by; an IPv6 reference with its brackets.
    package let hostRange: ByteRange
    /// The port of sent-by; nil when it is not given.
    package let port: UInt16?
    /// Everything from the first semicolon on; empty without parameters.
    package let parametersRange: ByteRange
    /// The value of `branch`; empty when there is none.
    package private(set) var branchRange = ByteRange.empty
    /// `received`; nil when it is not there.
    package private(set) var receivedParameter: Parameter?
    /// `rport`; nil when it is not there, without a value as a client sends it.
    package private(set) var rportParameter: Parameter?
    private var maddrRange = ByteRange.empty

    /// Decodes one value; nil when it breaks the grammar.
    package init?(_ text: ByteString) {
        self.init(storage: text.storage, text.range.start, text.range.end)
    }

    init?(storage: [UInt8], _ lower: Int, _ end: Int) {
        let bytes = storage.span
        guard let protocolEnd = Via.skipProtocol(bytes, lower, end) else { return nil }
        let transportStart = bytes.skipWhitespace(protocolEnd, end)
        let transportEnd = bytes.skipToken(transportStart, end)
        let hostStart = bytes.skipWhitespace(transportEnd, end)
        guard transportEnd > transportStart, hostStart > transportEnd, let hostEnd = bytes.skipHost(hostStart, end)
        else { return nil }
        var index = bytes.skipWhitespace(hostEnd, end)
        var port: UInt16?
        if index < end, bytes[index] == ASCII.colon {
            index = bytes.skipWhitespace(index &+ 1, end)
            let portStart = index
            while index < end, ASCII.isDigit(bytes[index]) { index &+= 1 }
            guard let number = bytes.decimal(portStart, index, max: 65_535) else { return nil }
            port = UInt16(number)
            index = bytes.skipWhitespace(index, end)
        }
        guard index == end || bytes[index] == ASCII.semicolon, bytes.areQuotesClosed(index, end) else { return nil }
        self.storage = storage
        self.range = ByteRange(lower, end)
        transportRange = ByteRange(transportStart, transportEnd)
        hostRange = ByteRange(hostStart, hostEnd)
        self.port = port
        parametersRange = ByteRange(index, end)
        readParameters(bytes, index, end)
    }

    private mutating func readParameters(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) {
        var index = start
        while let parameter = bytes.nextParameter(&index, end, separator: ASCII.semicolon) {
            let (lower, upper) = (parameter.name.start, parameter.name.end)
            switch upper &- lower {
            case 6 where bytes.equalsIgnoringCase("branch", at: lower, upper):
                if branchRange.isEmpty { branchRange = parameter.value }
            case 5 where bytes.equalsIgnoringCase("rport", at: lower, upper):
                if rportParameter == nil { rportParameter = parameter }
            case 8 where bytes.equalsIgnoringCase("received", at: lower, upper):
                if receivedParameter == nil { receivedParameter = parameter }
            case 5 where bytes.equalsIgnoringCase("maddr", at: lower, upper):
                if maddrRange.isEmpty { maddrRange = parameter.value }
            default: break
            }
        }
    }

    /// Steps over `SIP / 2.0 /` with white space around the slashes; nil when it is something else.
    private static func skipProtocol(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Int? {
        // The usual spelling first.
        if end &- start > 8, bytes.equalsIgnoringCase("SIP/2.0/", at: start, start &+ 8) { return start &+ 8 }
        var index = start
        for part in ["SIP", "2.0"] as [StaticString] {
            let partStart = bytes.skipWhitespace(index, end)
            let partEnd = bytes.skipToken(partStart, end)
            guard bytes.equalsIgnoringCase(part, at: partStart, partEnd) else { return nil }
            index = bytes.skipWhitespace(partEnd, end)
            guard index < end, bytes[index] == ASCII.slash else { return nil }
            index &+= 1
        }
        return index
    }

    /// The whole value as text.
    package var text: ByteString { ByteString(storage: storage, range: range) }
    /// `UDP`, `TCP`, `TLS`, `WS`, … as written.
    package var transport: ByteString { ByteString(storage: storage, range: transportRange) }
    /// The host of sent-by; an IPv6 reference with its brackets.
    package var host: ByteString { ByteString(storage: storage, range: hostRange) }
    /// The branch; nil when there is none or it is empty.
    package var branch: ByteString? { optional(branchRange) }
    /// The address in `received`, brackets around an IPv6 address left out (RFC 5118 §4.5 asks to take both); nil
    /// when there is none.
    package var received: ByteString? {
        guard let receivedParameter else { return nil }
        return optional(receivedParameter.value)?.withoutBrackets
    }
    /// The port in `rport`; nil when there is none or it has no value.
    package var rport: UInt16? {
        guard let rportParameter else { return nil }
        let value = rportParameter.value
        return storage.span.decimal(value.start, value.end, max: 65_535).map { UInt16($0) }
    }
    /// Whether the client asked for symmetric response routing (RFC 3581 §3): `rport` is there.
    package var hasRport: Bool { rportParameter != nil }
    /// `maddr`; nil when there is none.
    package var maddr: ByteString? { optional(maddrRange) }
    /// All parameters.
    package var parameters: Parameters { Parameters(storage: storage, range: parametersRange) }

    /// Whether the branch starts with the magic cookie of RFC 3261 §8.1.1.7 and has more than it, so that it names a
    /// transaction alone.
    package var hasMagicCookie: Bool {
        branchRange.count > 7
            && storage.span.equalsIgnoringCase("z9hG4bK", at: branchRange.start, branchRange.start &+ 7)
    }

    private func optional(_ range: ByteRange) -> ByteString? {
        range.isEmpty ? nil : ByteString(storage: storage, range: range)
    }
}

extension Message {
    /// The value at `position` (0 is the topmost) over all `Via` fields; nil when there is none or it breaks the
    /// grammar.
    package func via(_ position: Int) -> Via? {
        guard var fieldIndex = storage.head.firstIndex(.via) else { return nil }
        let buffer = storage.buffer
        let bytes = buffer.span
        var rest = position
        while true {
            let field = storage.head[fieldIndex]
            var index = Int(field.valueLower)
            while let range = bytes.nextElement(&index, Int(field.valueUpper)) {
                if rest == 0 { return Via(storage: buffer, range.start, range.end) }
                rest &-= 1
            }
            guard let next = storage.head.nextIndex(.via, from: fieldIndex &+ 1) else { return nil }
            fieldIndex = next
        }
    }

    /// The topmost `Via`: who sent this to us, or in a response ourselves.
    package var topVia: Via? { via(0) }
    /// The `Via` below the topmost: where a response goes on to.
    package var secondVia: Via? { via(1) }
}

extension ByteString {
    /// Without the brackets of an IPv6 reference.
    package var withoutBrackets: ByteString {
        count >= 2 && first == ASCII.openBracket && last == ASCII.closeBracket ? slice(1..<(count - 1)) : self
    }
}

extension Span where Element == UInt8 {
    /// The position after the host name, IPv4 address or bracketed IPv6 reference at `index`; nil when there is none.
    func skipHost(_ index: Int, _ end: Int) -> Int? {
        guard index < end else { return nil }
        var position = index
        if self[position] == ASCII.openBracket {
            position &+= 1
            while position < end,
                ASCII.isHexDigit(self[position]) || self[position] == ASCII.colon
                    || self[position] == UInt8(ascii: ".")
            {
                position &+= 1
            }
            guard position < end, self[position] == ASCII.closeBracket, position > index &+ 2 else { return nil }
            return position &+ 1
        }
        // The underscore breaks the grammar, but names with it are in use.
        while position < end,
            ASCII.isAlphanumeric(self[position]) || self[position] == UInt8(ascii: "-")
                || self[position] == UInt8(ascii: ".") || self[position] == UInt8(ascii: "_")
        {
            position &+= 1
        }
        return position > index ? position : nil
    }
}
