/// How a request is written (OTLP 1.x, "OTLP/HTTP", "OTLP/gRPC").
package enum TraceEncoding: Sendable, Hashable {
    /// Binary protobuf, which gRPC carries too.
    case protobuf
    /// protobuf's JSON mapping with OTLP's exceptions.
    case json
}

/// Writes `ExportTraceServiceRequest` messages: spans of one resource and one scope.
///
/// Immutable, no state between requests. Costs a message object a span and is called on the exporter's thread only.
package struct TraceEncoder: Sendable {
    package let encoding: TraceEncoding
    package let resource: Resource
    package let scope: InstrumentationScope

    package init(encoding: TraceEncoding, resource: Resource, scope: InstrumentationScope) {
        self.encoding = encoding
        self.resource = resource
        self.scope = scope
    }

    /// The bytes of one request with all of `spans`; nil when these are more than `bytesMax`, of which no more than that and
    /// one span were made.
    package func encode(_ spans: ArraySlice<Span>, bytesMax: Int) -> [UInt8]? {
        let request =
            switch encoding {
            case .protobuf: encodeProtobuf(spans, bytesMax)
            case .json: encodeJSON(spans, bytesMax)
            }
        return request.flatMap { $0.count <= bytesMax ? $0 : nil }
    }

    /// The same, however many they are.
    package func encode(_ spans: ArraySlice<Span>) -> [UInt8] {
        guard let request = encode(spans, bytesMax: .max) else { preconditionFailure("more bytes than there can be") }
        return request
    }
}
