import AsyncHTTPClient
import Compression
import Foundation
import Logging
import NIOCore
import NIOHTTP1
import NIOSSL

/// OTLP over HTTP/1.1: one POST a request, over one connection that is kept (OTLP, "OTLP/HTTP").
final class HTTPExportTransport: ExportTransport {
    private let client: HTTPClient
    private let url: String
    private let headers: HTTPHeaders
    private let encoding: TraceEncoding
    private let compresses: Bool

    /// - Throws: NIOSSL's error for a certificate or key that is none.
    init(_ settings: ExporterSettings, on thread: ExporterThread, logger: Logger) throws {
        var configuration = HTTPClient.Configuration(redirectConfiguration: .disallow, decompression: .disabled)
        configuration.httpVersion = .http1Only
        configuration.timeout.connect = .milliseconds(Int64(settings.requestMilliseconds))
        // Waits between attempts are the loop's, for all faults alike.
        configuration.connectionPool.retryConnectionEstablishment = false
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 1
        if settings.endpoint.isSecure { configuration.tlsConfiguration = try Self.tls(settings) }
        client = HTTPClient(eventLoopGroupProvider: .shared(thread.group), configuration: configuration)
        url = settings.endpoint.description
        encoding = settings.transport.encoding
        compresses = settings.compresses
        var headers = HTTPHeaders(settings.headers.map { ($0.name, $0.value) })
        headers.add(name: "content-type", value: encoding == .json ? "application/json" : "application/x-protobuf")
        if compresses { headers.add(name: "content-encoding", value: "gzip") }
        if !headers.contains(name: "user-agent") { headers.add(name: "user-agent", value: "SIPRay-OTLP-Exporter") }
        self.headers = headers
    }

    private static func tls(_ settings: ExporterSettings) throws -> TLSConfiguration {
        var tls = TLSConfiguration.makeClientConfiguration()
        if let file = settings.certificateFile {
            tls.trustRoots = .certificates(try NIOSSLCertificate.fromPEMFile(file))
        }
        if let chain = settings.clientCertificateFile, let key = settings.clientKeyFile {
            tls.certificateChain = try NIOSSLCertificate.fromPEMFile(chain).map { .certificate($0) }
            tls.privateKey = .privateKey(try NIOSSLPrivateKey(file: key, format: .pem))
        }
        return tls
    }

    func send(_ bytes: [UInt8], nanoseconds: UInt64) async -> ExportOutcome {
        var request = HTTPClientRequest(url: url)
        request.method = .POST
        request.headers = headers
        var body = bytes
        if compresses {
            guard let compressed = Gzip.compress(bytes) else {
                return .failed(.retryExhausted, "no memory to compress")
            }
            body = compressed
        }
        request.body = .bytes(ByteBuffer(bytes: body))
        let status: HTTPResponseStatus
        do {
            let response = try await client.execute(request, deadline: .now() + .nanoseconds(Int64(nanoseconds)))
            status = response.status
            // What else an answer that is a refusal says is for the person; the status alone decides.
            do {
                let answer = Array(buffer: try await response.body.collect(upTo: ExportLimits.answerBytesMax))
                return judge(response, try Self.decompress(answer, response.headers))
            } catch {
                guard status.code / 100 == 2 else { return judge(response, []) }
                return HTTPFault.outcome(of: error)
            }
        } catch {
            return HTTPFault.outcome(of: error)
        }
    }

    private static func decompress(_ answer: [UInt8], _ headers: HTTPHeaders) throws -> [UInt8] {
        guard let coding = headers.first(name: "content-encoding")?.lowercased(), coding != "identity", !answer.isEmpty
        else { return answer }
        return try Gzip.decompress(answer, limit: ExportLimits.answerBytesMax)
    }

    /// What the specification says of a status.
    private func judge(_ response: HTTPClientResponse, _ answer: [UInt8]) -> ExportOutcome {
        let code = response.status.code
        switch code {
        case 200..<300:
            var encoding = encoding
            if let type = response.headers.first(name: "content-type")?.lowercased() {
                if type.hasPrefix("application/json") { encoding = .json }
                if type.hasPrefix("application/x-protobuf") { encoding = .protobuf }
            }
            guard let answer = TraceAnswer(answer, encoding: encoding) else {
                return .takenUnreadable("the answer to a request, status \(code), is no OTLP")
            }
            return .taken(answer)
        case 429, 502, 503, 504:
            let delay = response.headers.first(name: "retry-after").flatMap(RetryDelay.init(header:))
            return .failed(.retryExhausted, Self.describe(response.status, answer), delay)
        default:
            return .refused(.rejected, Self.describe(response.status, answer))
        }
    }

    /// The status with what can be read of the body, which is a `google.rpc.Status` or anything else.
    private static func describe(_ status: HTTPResponseStatus, _ body: [UInt8]) -> String {
        let text = String(decoding: body.prefix(4096).filter { (0x20..<0x7f).contains($0) }, as: UTF8.self)
        return "HTTP \(status.code) \(status.reasonPhrase)\(text.isEmpty ? "" : ": ")"
            + text.prefix(ExportLimits.messageCharactersMax)
    }

    func close() async { try? await client.shutdown() }
}
