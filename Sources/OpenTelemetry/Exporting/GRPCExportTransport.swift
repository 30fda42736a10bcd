import GRPCCore
import GRPCNIOTransportHTTP2Posix
import GRPCProtobuf
import NIOCore
import NIOPosix

/// OTLP over gRPC: unary calls of `TraceService/Export` over one HTTP/2 connection (OTLP, "OTLP/gRPC").
final class GRPCExportTransport: ExportTransport {
    private let client: GRPCClient<HTTP2ClientTransport.Posix>
    private let connections: Task<Void, Never>
    private let metadata: Metadata
    private let options: CallOptions

    static let export = MethodDescriptor(
        service: ServiceDescriptor(fullyQualifiedService: "opentelemetry.proto.collector.trace.v1.TraceService"),
        method: "Export")

    /// - Throws: When a certificate or key is none.
    init(_ settings: ExporterSettings, on thread: ExporterThread) throws {
        let endpoint = settings.endpoint
        let target: any ResolvableTarget =
            if endpoint.isIPv4 {
                .ipv4(address: endpoint.host, port: endpoint.port)
            } else if endpoint.isIPv6 {
                .ipv6(address: endpoint.host, port: endpoint.port)
            } else {
                .dns(host: endpoint.host, port: endpoint.port)
            }
        var configuration = HTTP2ClientTransport.Posix.Config.defaults
        // Waits between attempts for a batch are the loop's; a connection is to be there again by then.
        configuration.backoff.initial = .milliseconds(250)
        configuration.backoff.max = .seconds(2)
        configuration.backoff.multiplier = 2
        if settings.compresses {
            // Collectors answer as they were asked, whatever they were told to accept (grpc-go).
            configuration.compression.algorithm = .gzip
            configuration.compression.enabledAlgorithms = [.gzip]
            configuration.channelDebuggingCallbacks.onCreateHTTP2Stream = { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(GRPCAnswerUnpacker(), position: .first)
                }
            }
        }
        let transport = try HTTP2ClientTransport.Posix(
            target: target, transportSecurity: endpoint.isSecure ? .tls(Self.tls(settings)) : .plaintext,
            config: configuration, eventLoopGroup: thread.group)
        let client = GRPCClient(transport: transport)
        self.client = client
        connections = Task(executorPreference: thread) {
            // Ends with `close`, or when the transport can't go on; calls then fail and say so.
            try? await client.runConnections()
        }
        metadata = settings.headers.reduce(into: Metadata()) { metadata, header in
            metadata.addString(header.value, forKey: header.name)
        }
        var options = CallOptions.defaults
        options.maxResponseMessageBytes = ExportLimits.answerBytesMax
        // The transport bounds what it receives by this one (grpc-swift-nio-transport 2.9, Connection.makeStream), and nothing that it
        // sends.
        options.maxRequestMessageBytes = ExportLimits.answerBytesMax
        options.waitForReady = false
        self.options = options
    }

    private static func tls(_ settings: ExporterSettings) -> HTTP2ClientTransport.Posix.TransportSecurity.TLS {
        var tls = HTTP2ClientTransport.Posix.TransportSecurity.TLS.defaults
        if let file = settings.certificateFile { tls.trustRoots = .certificates([.file(path: file, format: .pem)]) }
        if let chain = settings.clientCertificateFile, let key = settings.clientKeyFile {
            tls.certificateChain = [.file(path: chain, format: .pem)]
            tls.privateKey = .file(path: key, format: .pem)
        }
        return tls
    }

    func send(_ bytes: [UInt8], nanoseconds: UInt64) async -> ExportOutcome {
        var options = options
        options.timeout = .nanoseconds(Int64(nanoseconds))
        do {
            // Unary on the wire; read as a stream so that it is seen how far the answer came.
            return try await client.serverStreaming(
                request: ClientRequest(message: bytes, metadata: metadata), descriptor: Self.export,
                serializer: BytesSerializer(), deserializer: BytesDeserializer(), options: options
            ) { response in await Self.outcome(of: response) }
        } catch {
            return GRPCFault.outcome(of: error)
        }
    }

    private static func outcome(of response: StreamingClientResponse<[UInt8]>) async -> ExportOutcome {
        let contents: StreamingClientResponse<[UInt8]>.Contents
        switch response.accepted {
        case .failure(let error): return GRPCFault.outcome(of: error)
        case .success(let accepted): contents = accepted
        }
        var answer: [UInt8]?
        do {
            for try await part in contents.bodyParts {
                if case .message(let message) = part, answer == nil { answer = message }
            }
        } catch {
            return GRPCFault.outcome(of: error, isInMessage: answer == nil)
        }
        guard let answer, let read = TraceAnswer(answer, encoding: .protobuf) else {
            return .takenUnreadable("the answer to a call that succeeded is no OTLP")
        }
        return .taken(read)
    }

    func close() async {
        connections.cancel()
        client.beginGracefulShutdown()
        await connections.value
    }
}

/// The request is encoded already.
struct BytesSerializer: MessageSerializer {
    func serialize<Bytes: GRPCContiguousBytes>(_ message: [UInt8]) throws -> Bytes { Bytes(message) }
}

struct BytesDeserializer: MessageDeserializer {
    func deserialize<Bytes: GRPCContiguousBytes>(_ bytes: Bytes) throws -> [UInt8] {
        bytes.withUnsafeBytes { Array($0) }
    }
}
