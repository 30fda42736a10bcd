import AllocationCounting
import Foundation
import GRPCCore
import GRPCNIOTransportHTTP2Posix
import Logging
import Testing

@testable import OpenTelemetry

/// What the exporter's thread allocates a span, everything included: taking from the queue, encoding, HTTP or gRPC, the answer. The
/// budget of each protocol. Debug builds allocate more than the release builds of `docs/performance.md`.
@Suite(.enabled(if: canCountAllocations)) struct ExporterAllocationTests {
    static let batch = 512
    /// Of a span, in hundredths.
    static let budgets: [(ExporterSettings.Transport, Int)] = {
        #if DEBUG
            return [(.httpProtobuf, 1900), (.httpJSON, 2500), (.grpc, 1900)]
        #else
            return [(.httpProtobuf, 300), (.httpJSON, 50), (.grpc, 300)]
        #endif
    }()

    @Test(arguments: budgets) func aSpanIsExportedWithinItsBudget(
        transport: ExporterSettings.Transport, budget: Int
    ) async throws {
        try await withCollector(transport) { port in
            let allocations = try await exported(transport, port)
            #expect(allocations <= budget, "\(transport.rawValue): \(allocations) hundredths of an allocation a span")
        }
    }

    /// Exports batches, counts those after the first few.
    private func exported(_ transport: ExporterSettings.Transport, _ port: Int) async throws -> Int {
        var settings = ExporterSettings()
        settings.transport = transport
        settings.endpoint = ExporterEndpoint(
            host: "127.0.0.1", port: port, path: transport == .grpc ? "" : ExporterEndpoint.tracesPath)
        settings.delayMilliseconds = 1
        settings.batchSpansMax = Self.batch
        let thread = ExporterThread()
        defer { thread.stop() }
        let logger = LogLines().logger
        let clock = SystemExportClock()
        let carrier: any ExportTransport =
            transport == .grpc
            ? try GRPCExportTransport(settings, on: thread)
            : try HTTPExportTransport(settings, on: thread, logger: logger)
        let queue = SpanQueue(spansMax: 1 << 20)
        let ledger = ExportLedger(clock: clock, logger: logger, endpoint: "here")
        let encoder = TraceEncoder(
            encoding: transport.encoding, resource: EncodingTests.resource, scope: EncodingTests.scope)
        let loop = ExportLoop(
            settings: settings, encoder: encoder, transport: carrier, queue: queue, ledger: ledger, clock: clock)
        let task = Task(executorPreference: thread) { await loop.run() }
        let chunk = Self.spans(Self.batch)
        func export(_ times: Int) async throws -> Int {
            let wanted = ledger.counts.exported + times * Self.batch
            for _ in 0..<times { _ = queue.put(chunk) }
            while ledger.counts.exported < wanted, ledger.counts.lostTotal == 0 {
                try await Task.sleep(nanoseconds: 1_000_000)
            }
            #expect(ledger.counts.lost == [:])
            return await Task(executorPreference: thread) { allocationsOfThread }.value
        }
        let before = try await export(4)
        let after = try await export(8)
        queue.close()
        await task.value
        await Task(executorPreference: thread) { await carrier.close() }.value
        return (after - before) * 100 / (8 * Self.batch)
    }

    /// Spans as a call makes them: every fourth is of a message.
    private static func spans(_ count: Int) -> [OpenTelemetry.Span] {
        (0..<count).map { number in
            var span = OpenTelemetry.Span(
                traceID: TraceID(high: 7, low: UInt64(number / 4 + 1)), spanID: SpanID(UInt64(number + 1)),
                name: number % 4 == 0 ? "INVITE request" : "t_relay", startNanoseconds: 1, endNanoseconds: 2)
            span.flags = .sampled
            span.attributes = [
                Attribute("code.function.name", "t_relay"), Attribute("code.file.path", "/etc/sipray/sipray.cfg"),
                Attribute("code.line.number", 42), Attribute("sipray.status", 1),
            ]
            if number % 4 == 0 {
                span.attributes += [
                    Attribute("sip.call_id", .string("call-\(number)@192.0.2.1")), Attribute("sip.cseq", "1 INVITE"),
                    Attribute("network.peer.port", 5060), Attribute("sip.request.uri", "sip:callee@192.0.2.1:5060"),
                ]
            }
            return span
        }
    }

    // MARK: Collectors that take everything

    private func withCollector(_ transport: ExporterSettings.Transport, _ body: (Int) async throws -> Void) async throws
    {
        guard transport == .grpc else {
            let collector = try TakingCollector()
            defer { collector.stop() }
            return try await body(collector.port)
        }
        let server = GRPCServer(
            transport: .http2NIOPosix(address: .ipv4(host: "127.0.0.1", port: 0), transportSecurity: .plaintext),
            services: [TakingService()])
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await server.serve() }
            let address = try await server.listeningAddress
            try await body(try #require(address?.ipv4?.port))
            server.beginGracefulShutdown()
        }
    }
}

/// OTLP over gRPC that takes everything.
private struct TakingService: RegistrableRPCService {
    func registerMethods<Transport: ServerTransport>(with router: inout RPCRouter<Transport>) {
        router.registerHandler(
            forMethod: GRPCExportTransport.export, deserializer: BytesDeserializer(), serializer: BytesSerializer()
        ) { request, _ in
            for try await _ in request.messages {}
            return StreamingServerResponse(single: ServerResponse(message: []))
        }
    }
}

/// OTLP over HTTP that takes everything, on a thread of its own: one connection after another.
private final class TakingCollector: Sendable {
    let port: Int
    private let listener: Int32

    init() throws {
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var count = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isListening = withUnsafeMutablePointer(to: &address) { [listener] address in
            address.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, count) == 0 && listen(listener, 8) == 0 && getsockname(listener, $0, &count) == 0
            }
        }
        try #require(isListening)
        port = Int(UInt16(bigEndian: address.sin_port))
        Thread.detachNewThread { [listener] in
            while case let connection = accept(listener, nil, nil), connection >= 0 {
                while Self.takeRequest(connection) {}
                close(connection)
            }
        }
    }

    func stop() { shutdown(listener, Int32(SHUT_RDWR)) }

    /// Reads a request by its length and answers it; false at the end.
    private static func takeRequest(_ connection: Int32) -> Bool {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = read(connection, &buffer, buffer.count)
            guard count > 0 else { return false }
            bytes += buffer[..<count]
            guard let end = bytes.firstRange(of: Array("\r\n\r\n".utf8)) else { continue }
            let head = String(decoding: bytes[..<end.lowerBound], as: UTF8.self).lowercased()
            let length = head.split(separator: "content-length:").last?.split(separator: "\r\n").first
            let wanted = length.flatMap { Int($0.filter(\.isNumber)) } ?? 0
            if bytes.count - end.upperBound >= wanted { break }
        }
        let answer = Array("HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 0\r\n\r\n".utf8)
        return write(connection, answer, answer.count) == answer.count
    }
}
