import JSONRPC

/// OTLP's JSON: lowerCamelCase names, ids in hexadecimal, enums as numbers, 64-bit integers as texts; a field that has its default is
/// left out. (protobuf's own JSON mapping would write ids in base64 and enums by name.)
extension TraceEncoder {
    func encodeJSON(_ spans: ArraySlice<Span>, _ bytesMax: Int) -> [UInt8]? {
        var writer = JSONWriter(reservingBytes: 256 + spans.count * 1024)
        writer.append(raw: Array(#"{"resourceSpans":[{"resource":{"#.utf8))
        var members = JSONMembers()
        writer.append(attributes: resource.attributes, in: &members)
        writer.append(raw: Array(#"},"scopeSpans":[{"scope":{"#.utf8))
        members = JSONMembers()
        writer.append("name", text: scope.name, in: &members)
        writer.append("version", text: scope.version, in: &members)
        writer.append(raw: Array(#"},"spans":["#.utf8))
        writer.append(list: spans) { writer, span in
            if writer.count <= bytesMax { writer.append(span) }
        }
        writer.append(raw: Array("]}]}]}".utf8))
        return writer.bytes
    }
}

/// What is written again and again.
private enum JSONPiece {
    static let key = Array(#"{"key":"#.utf8)
    static let value = Array(#","value":"#.utf8)
    static let string = Array(#"{"stringValue":"#.utf8)
    static let integer = Array(#"{"intValue":""#.utf8)
    static let double = Array(#"{"doubleValue":"#.utf8)
    static let yes = Array(#"{"boolValue":true"#.utf8)
    static let no = Array(#"{"boolValue":false"#.utf8)
}

/// Whether the object that is being written has a member yet.
private struct JSONMembers {
    var isEmpty = true
}

extension JSONWriter {
    fileprivate mutating func append(_ span: Span) {
        append(raw: UInt8(ascii: "{"))
        var members = JSONMembers()
        append("traceId", span.traceID, in: &members)
        append("spanId", span.spanID, in: &members)
        if span.parentSpanID.isValid { append("parentSpanId", span.parentSpanID, in: &members) }
        append("traceState", text: span.traceState, in: &members)
        append("flags", number: span.flags.rawValue, in: &members)
        append("name", text: span.name, in: &members)
        append("kind", number: UInt32(span.kind.rawValue), in: &members)
        append("startTimeUnixNano", long: span.startNanoseconds, in: &members)
        append("endTimeUnixNano", long: span.endNanoseconds, in: &members)
        append(attributes: span.attributes, in: &members)
        append("droppedAttributesCount", number: span.dropped.attributes, in: &members)
        append("events", objects: span.events, in: &members) { $0.append($1) }
        append("droppedEventsCount", number: span.dropped.events, in: &members)
        append("links", objects: span.links, in: &members) { $0.append($1) }
        append("droppedLinksCount", number: span.dropped.links, in: &members)
        if span.status != .unset {
            append(name: "status", in: &members)
            append(raw: UInt8(ascii: "{"))
            var inner = JSONMembers()
            if case .error(let message) = span.status { append("message", text: message, in: &inner) }
            append("code", number: UInt32(span.status.code), in: &inner)
            append(raw: UInt8(ascii: "}"))
        }
        append(raw: UInt8(ascii: "}"))
    }

    private mutating func append(_ event: SpanEvent) {
        append(raw: UInt8(ascii: "{"))
        var members = JSONMembers()
        append("timeUnixNano", long: event.nanoseconds, in: &members)
        append("name", text: event.name, in: &members)
        append(attributes: event.attributes, in: &members)
        append("droppedAttributesCount", number: event.droppedAttributes, in: &members)
        append(raw: UInt8(ascii: "}"))
    }

    private mutating func append(_ link: SpanLink) {
        append(raw: UInt8(ascii: "{"))
        var members = JSONMembers()
        append("traceId", link.traceID, in: &members)
        append("spanId", link.spanID, in: &members)
        append("traceState", text: link.traceState, in: &members)
        append(attributes: link.attributes, in: &members)
        append("droppedAttributesCount", number: link.droppedAttributes, in: &members)
        append("flags", number: link.flags.rawValue, in: &members)
        append(raw: UInt8(ascii: "}"))
    }

    fileprivate mutating func append(attributes: [Attribute], in members: inout JSONMembers) {
        append("attributes", objects: attributes, in: &members) { writer, attribute in
            writer.append(raw: JSONPiece.key)
            writer.append(string: attribute.key)
            writer.append(raw: JSONPiece.value)
            writer.append(attribute.value)
            writer.append(raw: UInt8(ascii: "}"))
        }
    }

    /// An `AnyValue`: an object with one member, which is there even when it has its default.
    private mutating func append(_ value: AttributeValue) {
        switch value {
        case .string(let text):
            append(raw: JSONPiece.string)
            append(string: text)
        case .int(let number):
            append(raw: JSONPiece.integer)
            append(integer: Int(number))
            append(raw: UInt8(ascii: "\""))
        case .double(let number):
            append(raw: JSONPiece.double)
            appendProtobuf(number)
        case .bool(let flag):
            append(raw: flag ? JSONPiece.yes : JSONPiece.no)
        case .array(let elements):
            append(raw: Array(#"{"arrayValue":{"values":["#.utf8))
            append(list: elements[...]) { $0.append($1) }
            append(raw: Array("]}".utf8))
        }
        append(raw: UInt8(ascii: "}"))
    }

    /// A number as protobuf's JSON mapping has it: what JSON has no number for is a text.
    private mutating func appendProtobuf(_ number: Double) {
        if number.isNaN {
            append(string: "NaN")
        } else if number.isInfinite {
            append(string: number < 0 ? "-Infinity" : "Infinity")
        } else {
            append(double: number)
        }
    }

    // MARK: Members

    private mutating func append(name: String, in members: inout JSONMembers) {
        if !members.isEmpty { append(raw: UInt8(ascii: ",")) }
        members.isEmpty = false
        append(string: name)
        append(raw: UInt8(ascii: ":"))
    }

    /// Left out when empty.
    fileprivate mutating func append(_ name: String, text: String, in members: inout JSONMembers) {
        guard !text.isEmpty else { return }
        append(name: name, in: &members)
        append(string: text)
    }

    private mutating func append(_ name: String, _ id: TraceID, in members: inout JSONMembers) {
        append(name: name, in: &members)
        append(raw: UInt8(ascii: "\""))
        append(hexadecimal: id.high)
        append(hexadecimal: id.low)
        append(raw: UInt8(ascii: "\""))
    }

    private mutating func append(_ name: String, _ id: SpanID, in members: inout JSONMembers) {
        append(name: name, in: &members)
        append(raw: UInt8(ascii: "\""))
        append(hexadecimal: id.value)
        append(raw: UInt8(ascii: "\""))
    }

    /// Sixteen digits.
    private mutating func append(hexadecimal number: UInt64) {
        for place in stride(from: 60, through: 0, by: -4) {
            let digit = UInt8(truncatingIfNeeded: number >> UInt64(place)) & 15
            append(raw: digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") - 10 + digit)
        }
    }

    /// A 32-bit number or an enum; left out when 0.
    private mutating func append(_ name: String, number: UInt32, in members: inout JSONMembers) {
        guard number != 0 else { return }
        append(name: name, in: &members)
        append(unsigned: UInt(number))
    }

    /// A 64-bit number, which is a text; left out when 0.
    private mutating func append(_ name: String, long: UInt64, in members: inout JSONMembers) {
        guard long != 0 else { return }
        append(name: name, in: &members)
        append(raw: UInt8(ascii: "\""))
        append(unsigned: UInt(long))
        append(raw: UInt8(ascii: "\""))
    }

    /// A list; left out when empty.
    private mutating func append<Element>(
        _ name: String, objects: [Element], in members: inout JSONMembers, _ write: (inout JSONWriter, Element) -> Void
    ) {
        guard !objects.isEmpty else { return }
        append(name: name, in: &members)
        append(raw: UInt8(ascii: "["))
        append(list: objects[...], write)
        append(raw: UInt8(ascii: "]"))
    }

    fileprivate mutating func append<Element>(
        list elements: ArraySlice<Element>, _ write: (inout JSONWriter, Element) -> Void
    ) {
        for (index, element) in elements.enumerated() {
            if index > 0 { append(raw: UInt8(ascii: ",")) }
            write(&self, element)
        }
    }
}
