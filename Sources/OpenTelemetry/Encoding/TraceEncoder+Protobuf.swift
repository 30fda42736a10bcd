import Foundation
import SwiftProtobuf

typealias WireRequest = Opentelemetry_Proto_Collector_Trace_V1_ExportTraceServiceRequest
typealias WireResponse = Opentelemetry_Proto_Collector_Trace_V1_ExportTraceServiceResponse
typealias WireSpan = Opentelemetry_Proto_Trace_V1_Span
typealias WireKeyValue = Opentelemetry_Proto_Common_V1_KeyValue
typealias WireAnyValue = Opentelemetry_Proto_Common_V1_AnyValue

/// Every message is written by swift-protobuf; a span in three parts, so that it is measured once and its attributes are written
/// once: `ProtobufFraming` and `AttributeBytes` say why. Fields are in the order of their numbers, as protoc writes them.
extension TraceEncoder {
    func encodeProtobuf(_ spans: ArraySlice<Span>, _ bytesMax: Int) -> [UInt8]? {
        do {
            return try request(spans, bytesMax)
        } catch {
            // Only a proto2 message without its required fields, or one past 2 GiB, can't be written: the queue is far smaller.
            preconditionFailure("an OTLP request can't be written: \(error)")
        }
    }

    private func request(_ spans: ArraySlice<Span>, _ bytesMax: Int) throws -> [UInt8]? {
        var list = ProtobufFraming(reservingBytes: spans.count * TraceEncoder.spanBytesUsual)
        var writer = SpanMessageWriter()
        for span in spans {
            try writer.append(span, to: &list)
            if list.bytes.count > bytesMax { return nil }
        }

        var scopeSpans = Opentelemetry_Proto_Trace_V1_ScopeSpans()
        scopeSpans.scope.name = scope.name
        scopeSpans.scope.version = scope.version
        let scopeFields: [UInt8] = try scopeSpans.serializedBytes()
        var resourceSpans = Opentelemetry_Proto_Trace_V1_ResourceSpans()
        resourceSpans.resource.attributes = resource.attributes.map(WireKeyValue.init)
        var resourceFields = ProtobufFraming()
        resourceFields.append(fields: try resourceSpans.serializedBytes())
        resourceFields.begin(WireField.scopeSpans, count: scopeFields.count + list.bytes.count)

        var request = ProtobufFraming(
            reservingBytes: resourceFields.bytes.count + scopeFields.count + list.bytes.count + 16)
        request.begin(
            WireField.resourceSpans, count: resourceFields.bytes.count + scopeFields.count + list.bytes.count)
        request.append(fields: resourceFields.bytes)
        request.append(fields: scopeFields)
        request.append(fields: list.bytes)
        return request.bytes
    }

    private static let spanBytesUsual = 512
}

/// Numbers of the fields that are put together here (opentelemetry-proto 1.x, `trace.proto` and `trace_service.proto`).
enum WireField {
    /// `ExportTraceServiceRequest.resource_spans`
    static let resourceSpans = 1
    /// `ResourceSpans.scope_spans`
    static let scopeSpans = 2
    /// `ScopeSpans.spans`
    static let spans = 2
    /// `Span.attributes`
    static let attributes = 9
}

/// Writes the spans of a request: one set of message objects for all of them.
private struct SpanMessageWriter {
    private var head = WireSpan()
    private var body = ProtobufFraming(reservingBytes: 2048)
    private var attributes = AttributeBytes()
    private var traceID: (id: TraceID, data: Data) = (.none, Data())
    /// The last part of spans with these flags that have nothing else in it.
    private var plainTail: (flags: SpanFlags, bytes: [UInt8])?

    mutating func append(_ span: Span, to list: inout ProtobufFraming) throws {
        if span.traceID != traceID.id { traceID = (span.traceID, Data(span.traceID.bytes)) }
        head.traceID = traceID.data
        head.spanID = span.spanID.data
        head.parentSpanID = span.parentSpanID.isValid ? span.parentSpanID.data : Data()
        head.traceState = span.traceState
        head.name = span.name
        head.kind = WireSpan.SpanKind(rawValue: Int(span.kind.rawValue)) ?? .unspecified
        head.startTimeUnixNano = span.startNanoseconds
        head.endTimeUnixNano = span.endNanoseconds
        body.removeAll()
        body.append(fields: try head.serializedBytes())
        for attribute in span.attributes { try attributes.append(attribute, WireField.attributes, to: &body) }
        body.append(fields: try tail(span))
        list.append(WireField.spans, message: body.bytes)
    }

    /// The fields after the attributes.
    private mutating func tail(_ span: Span) throws -> [UInt8] {
        let isPlain =
            span.events.isEmpty && span.links.isEmpty && span.status == .unset && span.dropped == DroppedCounts()
        if isPlain, let plainTail, plainTail.flags == span.flags { return plainTail.bytes }
        let bytes: [UInt8] = try WireSpan(tailOf: span).serializedBytes()
        if isPlain { plainTail = (span.flags, bytes) }
        return bytes
    }
}

extension SpanID {
    /// The eight bytes, which fit in the value.
    fileprivate var data: Data { withUnsafeBytes(of: value.bigEndian) { Data($0) } }
}

extension WireSpan {
    /// What follows the attributes, and nothing else.
    fileprivate init(tailOf span: Span) {
        self.init()
        droppedAttributesCount = span.dropped.attributes
        if !span.events.isEmpty { events = span.events.map(Event.init) }
        droppedEventsCount = span.dropped.events
        if !span.links.isEmpty { links = span.links.map(Link.init) }
        droppedLinksCount = span.dropped.links
        switch span.status {
        case .unset: break
        case .ok: status.code = .ok
        case .error(let message):
            status.code = .error
            status.message = message
        }
        flags = span.flags.rawValue
    }
}

extension WireSpan.Event {
    init(_ event: SpanEvent) {
        self.init()
        name = event.name
        timeUnixNano = event.nanoseconds
        attributes = event.attributes.map(WireKeyValue.init)
        droppedAttributesCount = event.droppedAttributes
    }
}

extension WireSpan.Link {
    init(_ link: SpanLink) {
        self.init()
        traceID = Data(link.traceID.bytes)
        spanID = Data(link.spanID.bytes)
        traceState = link.traceState
        flags = link.flags.rawValue
        attributes = link.attributes.map(WireKeyValue.init)
        droppedAttributesCount = link.droppedAttributes
    }
}

extension WireKeyValue {
    init(_ attribute: Attribute) {
        self.init()
        key = attribute.key
        value = WireAnyValue(attribute.value)
    }
}

extension WireAnyValue {
    init(_ value: AttributeValue) {
        self.init()
        switch value {
        case .string(let text): self.value = .stringValue(text)
        case .int(let number): self.value = .intValue(number)
        case .double(let number): self.value = .doubleValue(number)
        case .bool(let flag): self.value = .boolValue(flag)
        case .array(let elements):
            var array = Opentelemetry_Proto_Common_V1_ArrayValue()
            array.values = elements.map(WireAnyValue.init)
            self.value = .arrayValue(array)
        }
    }
}
