import Glibc
package import Management
import NIOCore
import NIOPosix
import NIOSSL

/// A management client's bytes over TLS. Blocks the thread that asks, so not for a process's thread.
package final class TLSExchange: SecureExchanging {
    /// Whose certificate is taken.
    package enum Trust: Hashable, Sendable {
        /// One that the machine's authorities vouch for, for the host that was asked.
        case system
        /// One that the certificates of a file vouch for, or one of them itself, for the host that was asked.
        case file(String)
        case anyone
    }

    private let context: NIOSSLContext

    /// Reads the file of authorities.
    package init(trusting trust: Trust) throws(ManagementClientError) {
        var settings = TLSConfiguration.makeClientConfiguration()
        settings.minimumTLSVersion = .tlsv12
        settings.applicationProtocols = ["http/1.1"]
        switch trust {
        case .system: break
        case .anyone: settings.certificateVerification = .none
        case .file(let path):
            do {
                let certificates = try NIOSSLCertificate.fromPEMFile(path)
                guard !certificates.isEmpty else { throw NIOSSLError.failedToLoadCertificate }
                settings.trustRoots = .certificates(certificates)
            } catch {
                throw .authorities(
                    file: path, reason: access(path, R_OK) == 0 ? "\(error)" : String(cString: strerror(errno)))
            }
        }
        do {
            context = try NIOSSLContext(configuration: settings)
        } catch {
            throw .system(call: "TLS", reason: "\(error)")
        }
    }

    package func exchange(
        _ request: [UInt8], with location: HTTPLocation, _ deadline: Deadline,
        isComplete: @escaping @Sendable ([UInt8]) -> Bool
    ) throws(ManagementClientError) -> [UInt8] {
        let endpoint = ManagementEndpoint.http(location)
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let answer = loop.makePromise(of: [UInt8].self)
        let noAnswer: @Sendable () -> ManagementClientError = {
            ManagementClientError.noAnswer(endpoint, milliseconds: deadline.millisecondsWaited)
        }
        let connecting = ClientBootstrap(group: loop)
            .connectTimeout(.milliseconds(Int64(deadline.millisecondsLeft) + 1))
            .channelInitializer { [context] channel in
                channel.eventLoop.makeCompletedFuture {
                    // Without a name the certificate must have the address that was connected to.
                    let encryption = try NIOSSLClientHandler(
                        context: context, serverHostname: Self.isAddress(location.host) ? nil : location.host)
                    let collector = ReplyCollector(
                        request: request, answer: answer, encryption: encryption, endpoint: endpoint,
                        isComplete: isComplete)
                    try channel.pipeline.syncOperations.addHandlers([encryption, collector])
                }
            }
            .connect(host: location.host, port: Int(location.port))
        connecting.whenFailure { answer.fail(Self.fault(of: $0, endpoint, noAnswer())) }
        let look = TimeAmount.milliseconds(Int64(Deadline.lookMilliseconds))
        let alarm = loop.scheduleRepeatedTask(initialDelay: look, delay: look) { _ in
            if deadline.millisecondsLeft == 0 { answer.fail(noAnswer()) }
        }
        defer {
            alarm.cancel()
            connecting.whenSuccess { $0.close(promise: nil) }
        }
        do {
            return try answer.futureResult.wait()
        } catch let fault as ManagementClientError {
            throw fault
        } catch {
            throw .system(call: "TLS", reason: "\(error)")
        }
    }

    private static func isAddress(_ host: String) -> Bool {
        (try? NIOCore.SocketAddress(ipAddress: host, port: 0)) != nil
    }

    /// Why it could not be connected.
    private static func fault(
        of error: any Error, _ endpoint: ManagementEndpoint, _ noAnswer: ManagementClientError
    ) -> ManagementClientError {
        if let fault = error as? ManagementClientError { return fault }
        if case .connectTimeout? = error as? ChannelError { return noAnswer }
        guard let error = error as? NIOConnectionError else { return .system(call: "connect", reason: "\(error)") }
        guard let last = error.connectionErrors.last?.error else { return .notFound(endpoint) }
        if case .connectTimeout? = last as? ChannelError { return noAnswer }
        guard let code = (last as? IOError)?.errnoCode else { return .system(call: "connect", reason: "\(last)") }
        return code == ECONNREFUSED
            ? .nobodyListens(endpoint) : .system(call: "connect", reason: String(cString: strerror(code)))
    }
}
