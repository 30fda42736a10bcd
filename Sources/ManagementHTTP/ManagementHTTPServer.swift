import Dispatch
import HTTPTypes
import HummingbirdCore
package import Logging
package import Management
import NIOCore
import NIOPosix
import NIOSSL
package import Reactor
import Synchronization

/// Management over HTTP: connections on a loop of Hummingbird and NIO, commands on a process.
///
/// ```
/// connection ─► HTTP decoder ─► ConnectionGuard ─► responder ─┐ job
///                                                              ▼
/// connection ◄─ HTTP encoder ◄────────────────── answer ◄─ the process "HTTPD IP:PORT"
/// ```
package final class ManagementHTTPServer: Sendable {
    private let configuration: HTTPConfiguration
    private let process: ReactorProcess
    private let exchanges: HTTPExchanges
    private let figures: ConnectionFigures
    private let logger: Logger
    private let running = Mutex<Running?>(nil)

    private struct Running {
        var group: MultiThreadedEventLoopGroup
        var server: Server<GuardedChannel>
        var task: Task<Void, Never>
        var ended: DispatchSemaphore
    }

    private static let startSeconds = 5
    private static let stopMilliseconds = 500
    private static let backlog = 1024

    package init(
        configuration: HTTPConfiguration, dispatcher: CommandDispatcher, process: ReactorProcess,
        statistics: Statistics, logger: Logger
    ) {
        self.configuration = configuration
        self.process = process
        self.logger = logger
        exchanges = HTTPExchanges(configuration, dispatcher: dispatcher, process: process)
        figures = ConnectionFigures(statistics)
    }

    /// Listens, and prepares the process to carry out what comes. Before the process is spawned; once. Waits for the
    /// socket, no longer than 5 s.
    package func open() throws(ManagementSetupError) {
        let encryption = try configuration.encryption.map { wanted throws(ManagementSetupError) in
            try wanted.context()
        }
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let outcome = StartOutcome()
        let ended = DispatchSemaphore(value: 0)
        let server = makeServer(group, outcome, encryption)
        let task = Task {
            do {
                try await server.run()
            } catch {
                outcome.put(.failed("\(error)"))
            }
            ended.signal()
        }
        switch outcome.wait(seconds: Self.startSeconds) {
        case .listening:
            running.withLock { $0 = Running(group: group, server: server, task: task, ended: ended) }
        case .failed(let reason):
            task.cancel()
            try? group.syncShutdownGracefully()
            throw ManagementSetupError("can't listen on \(configuration.address) for HTTP: \(reason)")
        }
        process.reactor.atStop { [exchanges] in exchanges.close() }
    }

    /// Ends all connections, those with an answer on its way a moment later. The process has ended before.
    package func stop() {
        let present = running.withLock { running in
            defer { running = nil }
            return running
        }
        guard let present else { return }
        exchanges.close()
        // Connections that are idle go with this; the others have a moment to take their answer.
        Task { try? await present.server.shutdownGracefully() }
        let deadline = DispatchTime.now() + .milliseconds(Self.stopMilliseconds)
        if present.ended.wait(timeout: deadline) == .timedOut {
            present.task.cancel()
            _ = present.ended.wait(timeout: .now() + .milliseconds(Self.stopMilliseconds))
        }
        present.group.shutdownGracefully { _ in }
    }

    private func makeServer(
        _ group: MultiThreadedEventLoopGroup, _ outcome: StartOutcome, _ encryption: NIOSSLContext?
    ) -> Server<GuardedChannel> {
        let channel = GuardedChannel(configuration, figures, encryption: encryption) {
            [configuration, exchanges] request, writer, _ in
            let body = try await request.body.collect(upTo: configuration.bodyBytesMax)
            let answer = await exchanges.ask(HTTPQuestion(request, body))
            try await writer.write(response: answer.head, body: ResponseBody(answer))
        }
        return Server(
            childChannelSetup: channel,
            configuration: ServerConfiguration(
                address: .hostname(configuration.address.host, port: Int(configuration.address.port)),
                backlog: Self.backlog),
            onServerRunning: { _ in outcome.put(.listening) }, eventLoopGroup: group, logger: Self.silent)
    }

    /// What Hummingbird has to say about single connections is counted, not logged.
    private static let silent = Logger(label: "httpd") { _ in SwiftLogNoOpLogHandler() }
}

/// What became of the start, for the thread that waits for it. The first word counts.
private final class StartOutcome: Sendable {
    enum Outcome: Sendable {
        case listening
        case failed(String)
    }

    private let outcome = Mutex<Outcome?>(nil)
    private let semaphore = DispatchSemaphore(value: 0)

    func put(_ outcome: Outcome) {
        let isFirst = self.outcome.withLock { present in
            guard present == nil else { return false }
            present = outcome
            return true
        }
        if isFirst { semaphore.signal() }
    }

    func wait(seconds: Int) -> Outcome {
        _ = semaphore.wait(timeout: .now() + .seconds(seconds))
        return outcome.withLock { $0 } ?? .failed("nothing happened for \(seconds) s")
    }
}

extension HTTPQuestion {
    init(_ request: Request, _ body: ByteBuffer) {
        self.init(
            method: request.method.rawValue, path: request.uri.path, contentType: request.headers[.contentType],
            authorization: request.headers[.authorization], body: Array(body.readableBytesView))
    }
}

extension HTTPAnswer {
    fileprivate var head: HTTPResponse {
        var fields = HTTPFields()
        if let contentType { fields[.contentType] = contentType }
        if status != 204 { fields[.contentLength] = String(body.count) }
        if let field, let name = HTTPField.Name(field.name) { fields[name] = field.value }
        return HTTPResponse(status: .init(code: status), headerFields: fields)
    }
}

extension ResponseBody {
    fileprivate init(_ answer: HTTPAnswer) {
        self = answer.body.isEmpty ? ResponseBody() : ResponseBody(byteBuffer: ByteBuffer(bytes: answer.body))
    }
}
