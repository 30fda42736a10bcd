package import Bytes

/// One value of a comma-separated list, with the field that it stands in.
package struct HeaderElement: BitwiseCopyable, Hashable, Sendable {
    /// The field.
    package let field: HeaderField
    /// The value without white space around it.
    package let range: ByteRange
}

/// All values of one header over all of its fields, in order: `Route: a, b` and `Route: a` + `Route: b` are the same
/// (RFC 3261 §7.3.1).
///
/// Commas in quoted strings and between `<` and `>` do not separate; empty values are stepped over.
package struct HeaderElements: Sequence, IteratorProtocol, Sendable {
    let message: Message
    private var fields: Message.HeaderMatches
    private var field: HeaderField?
    private var index = 0

    init(message: Message, id: HeaderID) {
        self.message = message
        fields = message.all(id)
        field = fields.next()
        index = field.map { Int($0.valueLower) } ?? 0
    }

    package mutating func next() -> HeaderElement? {
        let buffer = message.storage.buffer
        var position = index
        defer { index = position }
        while let current = field {
            if let range = buffer.span.nextElement(&position, Int(current.valueUpper)) {
                return HeaderElement(field: current, range: range)
            }
            field = fields.next()
            position = field.map { Int($0.valueLower) } ?? 0
        }
        return nil
    }

    /// The first value; nil when there is none.
    package var first: HeaderElement? {
        var copy = self
        return copy.next()
    }
}

/// The decodable addresses among all values of one header, in order: Route, Record-Route, Contact, Path,
/// P-Asserted-Identity, …
///
/// A value that is no address is stepped over; `Message.check(_:)` reports it.
package struct HeaderAddresses: Sequence, IteratorProtocol, Sendable {
    private var elements: HeaderElements

    init(_ elements: HeaderElements) {
        self.elements = elements
    }

    package mutating func next() -> NameAddress? {
        while let element = elements.next() {
            if let address = NameAddress(elements.message.text(element.range)) { return address }
        }
        return nil
    }

    /// The first address; nil when there is none.
    package var first: NameAddress? {
        var copy = self
        return copy.next()
    }
}

extension Message {
    /// All values of the list header `id`.
    package func elements(of id: HeaderID) -> HeaderElements { HeaderElements(message: self, id: id) }

    /// All addresses of the list header `id`.
    package func addresses(of id: HeaderID) -> HeaderAddresses { HeaderAddresses(elements(of: id)) }

    /// The values of `Contact`.
    package var contacts: HeaderAddresses { addresses(of: .contact) }
    /// The values of `Route`, the next hop first.
    package var routes: HeaderAddresses { addresses(of: .route) }
    /// The values of `Record-Route`, the last proxy's first.
    package var recordRoutes: HeaderAddresses { addresses(of: .recordRoute) }

    /// Whether the list header `id` holds the token `token`, without case: `Supported: path`.
    package func lists(_ token: StaticString, in id: HeaderID) -> Bool {
        guard contains(id) else { return false }
        return elements(of: id).contains { text($0.range).equalsIgnoringCase(token) }
    }
}

extension ByteString {
    /// The first value of a list header that is kept as text, as `HeaderElements` reads it; nil when there is none.
    package var firstListElement: ByteString? {
        var index = range.start
        return storage.span.nextElement(&index, range.end).map { ByteString(storage: storage, range: $0) }
    }
}

extension Span where Element == UInt8 {
    /// Reads the next value of a comma-separated list at or after `index` and moves `index` behind its comma; nil at
    /// the end.
    @inline(__always)
    func nextElement(_ index: inout Int, _ end: Int) -> ByteRange? {
        while index < end {
            let start = skipWhitespace(index, end)
            let comma = elementEnd(start, end)
            index = Swift.min(comma &+ 1, end)
            let upper = trimEnd(start, comma)
            if start < upper { return ByteRange(start, upper) }
        }
        return nil
    }

    /// The position of the comma that ends the value at `start`; `end` when it is the last one.
    @inline(__always)
    func elementEnd(_ start: Int, _ end: Int) -> Int {
        // Most fields hold one value.
        guard contains(ASCII.comma, start, end) else { return end }
        var position = start
        while position < end {
            switch self[position] {
            case ASCII.comma: return position
            case ASCII.quote: position = skipQuoted(position, end) ?? end
            case ASCII.less:
                // An address without its end bracket ends at the end.
                position = find(ASCII.greater, position, end)
            default: position &+= 1
            }
        }
        return end
    }
}
