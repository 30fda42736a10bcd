/// Where spans go and how: what the environment (`OTEL_EXPORTER_OTLP_*`, `OTEL_BSP_*`) and the script say.
package struct ExporterSettings: Sendable, Hashable {
    /// `OTEL_EXPORTER_OTLP_PROTOCOL`; raw values are the specification's.
    package enum Transport: String, Sendable, Hashable, CaseIterable {
        case httpProtobuf = "http/protobuf"
        case httpJSON = "http/json"
        case grpc

        package var encoding: TraceEncoding { self == .httpJSON ? .json : .protobuf }
    }

    /// A request header (HTTP) or metadata entry (gRPC) that the operator wants sent.
    package struct Header: Sendable, Hashable {
        package var name: String
        package var value: String

        package init(name: String, value: String) {
            self.name = name
            self.value = value
        }
    }

    package var transport: Transport = .httpProtobuf
    package var endpoint: ExporterEndpoint = .defaultHTTP
    package var headers: [Header] = []
    /// How long one request may take, answer included.
    package var requestMilliseconds = 10_000
    package var compresses = false
    /// PEM file of those whom a collector's certificate is checked against; nil: the system's.
    package var certificateFile: String?
    /// PEM files with which the exporter shows who it is; both or none.
    package var clientKeyFile: String?
    package var clientCertificateFile: String?
    /// Spans that may wait (`OTEL_BSP_MAX_QUEUE_SIZE`). The specification's 2048 is what SIPRay makes of 200 calls a second
    /// in 0.7 s: too short a breath for a collector.
    package var queueSpansMax = 16_384
    /// Spans in one request (`OTEL_BSP_MAX_EXPORT_BATCH_SIZE`).
    package var batchSpansMax = 512
    /// How long a span waits for others before it is sent (`OTEL_BSP_SCHEDULE_DELAY`); 0 with `use_batch` 0.
    package var delayMilliseconds = 5000
    /// How long a batch may take with all its retries (`OTEL_BSP_EXPORT_TIMEOUT`).
    package var batchMilliseconds = 30_000

    package init() {}
}
