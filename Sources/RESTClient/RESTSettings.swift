import AsyncHTTPClient
import Bytes
import Modules
import NIOCore
import NIOSSL

/// What `modparam("rest_client", …)` sets.
struct RESTSettings: Sendable {
    /// Connections to one host that may be open at a time; further transfers wait for one of them.
    static let connectionsPerHostMax = 10_000

    let timeoutSeconds: Int
    let connectTimeoutSeconds: Int
    /// Transfers of one process beyond which a warning is logged. None ever blocks.
    let transfersWarning: Int
    /// 0: no limit.
    let transferBytesMax: Int
    let serializesConnects: Bool
    let connectionLifetimeSeconds: Int
    private let verifiesPeer: Bool
    private let verifiesHost: Bool
    private let certificatePath: String?
    private let usesHTTP1Only: Bool

    init(_ parameters: ModuleParameters) throws(ModuleError) {
        func number(_ name: String) -> Int { parameters.integer("rest_client", name) ?? 0 }
        timeoutSeconds = max(1, number("curl_timeout"))
        connectTimeoutSeconds = max(1, number("connection_timeout"))
        guard connectTimeoutSeconds <= timeoutSeconds || !parameters.isSet("rest_client", "connection_timeout") else {
            throw ModuleError(
                "rest_client", "connection_timeout", ByteString(decimal: connectTimeoutSeconds),
                "it is longer than curl_timeout, which includes it")
        }
        transfersWarning = number("max_async_transfers")
        transferBytesMax = number("max_transfer_size") * 1024
        serializesConnects = number("no_concurrent_connects") != 0
        connectionLifetimeSeconds = number("curl_conn_lifetime")
        verifiesPeer = number("ssl_verifypeer") != 0
        verifiesHost = number("ssl_verifyhost") != 0
        certificatePath = parameters.text("rest_client", "ssl_capath")?.string
        let version = number("curl_http_version")
        guard version <= 5 else {
            throw ModuleError("rest_client", "curl_http_version", ByteString(decimal: version), "it is 0 to 5")
        }
        usesHTTP1Only = version == 1 || version == 2
        if let certificatePath {
            do {
                _ = try NIOSSLContext(configuration: encryption)
            } catch {
                throw ModuleError(
                    "rest_client", "ssl_capath", ByteString(certificatePath),
                    "it has no certificates to trust: \(error)")
            }
        }
    }

    /// What is set and cannot take effect here, for the log of the start.
    static func notes(_ parameters: ModuleParameters) -> [String] {
        var notes: [String] = []
        if parameters.isOn("rest_client", "enable_expect_100") {
            notes.append("enable_expect_100 has no effect: bodies are sent at once")
        }
        if parameters.isSet("rest_client", "connect_poll_interval") {
            notes.append("connect_poll_interval has no effect: connecting never blocks a process")
        }
        for name in ["curl_timeout", "connection_timeout"] where parameters.integer("rest_client", name) == 0 {
            notes.append("\(name)=0: it is 1 s, the least")
        }
        if !parameters.isOn("rest_client", "ssl_verifypeer"), parameters.isOn("rest_client", "ssl_verifyhost") {
            notes.append("ssl_verifypeer=0: the name in a certificate that nobody vouches for is not verified either")
        }
        switch parameters.integer("rest_client", "curl_http_version") {
        case 1: notes.append("curl_http_version=1: requests are HTTP/1.1")
        case 5: notes.append("curl_http_version=5: HTTP/2 is spoken over TLS only")
        default: break
        }
        return notes.map { "rest_client: \($0)" }
    }

    func configuration(of domain: TLSClientDomain) throws(ModuleError) -> TLSConfiguration {
        try TLSDomainSettings.make(domain, verifiesHost: verifiesHost)
    }

    private var encryption: TLSConfiguration {
        var tls = TLSConfiguration.makeClientConfiguration()
        tls.certificateVerification =
            verifiesPeer ? (verifiesHost ? .fullVerification : .noHostnameVerification) : .none
        if let certificatePath { tls.trustRoots = .file(certificatePath) }
        return tls
    }

    var configuration: HTTPClient.Configuration {
        var configuration = HTTPClient.Configuration(
            tlsConfiguration: encryption, redirectConfiguration: .disallow,
            timeout: HTTPClient.Configuration.Timeout(
                connect: .seconds(Int64(min(connectTimeoutSeconds, timeoutSeconds)))),
            connectionPool: HTTPClient.Configuration.ConnectionPool(
                idleTimeout: .seconds(60), concurrentHTTP1ConnectionsPerHostSoftLimit: Self.connectionsPerHostMax),
            ignoreUncleanSSLShutdown: false, decompression: .disabled)
        configuration.connectionPool.retryConnectionEstablishment = false
        configuration.httpVersion = usesHTTP1Only ? .http1Only : .automatic
        return configuration
    }
}
