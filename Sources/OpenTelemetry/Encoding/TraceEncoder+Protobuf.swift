import Foundation
import SwiftProtobuf

typealias WireRequest = Opentelemetry_Proto_Collector_Trace_V1_ExportTraceServiceRequest
typealias WireResponse = Opentelemetry_Proto_Collector_Trace_V1_ExportTraceServiceResponse
typealias WireSpan = Opentelemetry_Proto_Trace_V1_Span
typealias WireKeyValue = Opentelemetry_Proto_Common_V1_KeyValue
typealias WireAnyValue = Opentelemetry_Proto_Common_V1_AnyValue

extension TraceEncoder {
    func encodeProtobuf(_ spans: ArraySlice<Span>) -> [UInt8] {
        var scopeSpans = Opentelemetry_Proto_Trace_V1_ScopeSpans()
        scopeSpans.scope.name = scope.name
        scopeSpans.scope.version = scope.version
        scopeSpans.spans = spans.map(WireSpan.init)
        var resourceSpans = Opentelemetry_Proto_Trace_V1_ResourceSpans()
        resourceSpans.resource.attributes = resource.attributes.map(WireKeyValue.init)
        resourceSpans.scopeSpans = [scopeSpans]
        var request = WireRequest()
        request.resourceSpans = [resourceSpans]
        do {
            return try request.serializedBytes()
        } catch {
            // Only a proto2 message without its required fields, or one past 2 GiB, can't be written: the queue is far smaller.
            preconditionFailure("an OTLP request can't be written: \(error)")
        }
    }
}

extension WireSpan {
    init(_ span: Span) {
        self.init()
        traceID = Data(span.traceID.bytes)
        spanID = Data(span.spanID.bytes)
        if span.parentSpanID.isValid { parentSpanID = Data(span.parentSpanID.bytes) }
        traceState = span.traceState
        flags = span.flags.rawValue
        name = span.name
        kind = SpanKind(rawValue: Int(span.kind.rawValue)) ?? .unspecified
        startTimeUnixNano = span.startNanoseconds
        endTimeUnixNano = span.endNanoseconds
        attributes = span.attributes.map(WireKeyValue.init)
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
