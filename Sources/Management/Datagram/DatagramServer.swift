import Glibc
import JSONRPC
package import Logging
import Profiling
package import Reactor

/// A process that answers management datagrams: one request in, one reply to its sender.
///
/// Confined to its process but for `open`, which is called before the process runs. What is no JSON-RPC is answered
/// with an error; a sender without an address (an unbound unix socket) can't be answered, its request is carried out.
package final class DatagramServer: @unchecked Sendable {
    // @unchecked: set up before the process runs, then used on its thread only.

    private let configuration: DatagramConfiguration
    private let listener: DatagramListener
    private let runner: RequestRunner
    private let process: ReactorProcess
    private let logger: Logger
    private var registration: Registration?
    private var repliesWaiting = 0
    private var buffer = [UInt8](repeating: 0, count: 1 << 16)

    private static let retryMilliseconds = 10
    private static let retrySite = ReactorSites.timer("mi_datagram reply")

    package init(
        configuration: DatagramConfiguration, listener: DatagramListener, dispatcher: CommandDispatcher,
        process: ReactorProcess, logger: Logger
    ) {
        self.configuration = configuration
        self.listener = listener
        runner = RequestRunner(dispatcher: dispatcher, process: process, site: ManagementSites.datagramCommand)
        self.process = process
        self.logger = logger
    }

    /// Prepares the process to serve the socket. Before the process is spawned; once.
    package func open() throws(ManagementSetupError) {
        do throws(SystemCallError) {
            registration = try process.reactor.add(listener.descriptor, for: .readable) { [self] _ in receive() }
        } catch {
            throw ManagementSetupError(error.description)
        }
        process.reactor.atStop { [self] in
            registration?.remove()
            registration = nil
        }
    }

    /// Who sent a datagram, in the kernel's form.
    private struct Sender: Sendable {
        var storage = sockaddr_storage()
        var length = socklen_t(0)

        /// Unbound unix sockets have a family and nothing else.
        var canBeAnswered: Bool { Int(length) > MemoryLayout<sa_family_t>.size }
    }

    /// One datagram a dispatch, so that each request is a session of its own.
    private func receive() {
        process.probe.enter(ManagementSites.datagramHandling)
        defer { process.probe.exit(ManagementSites.datagramHandling) }
        var sender = Sender()
        sender.length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let descriptor = listener.descriptor
        let count = buffer.withUnsafeMutableBytes { bytes in
            withUnsafeMutablePointer(to: &sender.storage) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    recvfrom(
                        descriptor, bytes.baseAddress, bytes.count, Int32(MSG_TRUNC | MSG_DONTWAIT), $0,
                        &sender.length)
                }
            }
        }
        // Nothing, or an error that concerns an earlier reply.
        guard count >= 0 else { return }
        guard count <= DatagramConfiguration.datagramBytesMax else {
            let reason = "the request has more than \(DatagramConfiguration.datagramBytesMax) bytes: use the FIFO"
            return send(.reply(RPCReply(error: .invalidRequest.with(data: reason), id: .null)), to: sender)
        }
        carryOut(Array(buffer[..<count]), sender)
    }

    private func carryOut(_ request: [UInt8], _ sender: Sender) {
        runner.run(request) { [self] answer in
            if let answer { send(answer, to: sender) }
        }
    }

    private func send(_ answer: RPCAnswer, to sender: Sender) {
        guard sender.canBeAnswered else { return }
        var bytes = answer.serialized()
        if bytes.count > DatagramConfiguration.datagramBytesMax {
            let reason = """
                the reply has \(bytes.count) bytes and a datagram holds \(DatagramConfiguration.datagramBytesMax): \
                use the FIFO
                """
            bytes = answer.replaced(by: .serverError.with(data: reason)).serialized()
        }
        send(
            bytes, to: sender, until: process.reactor.nowMilliseconds + configuration.replyMilliseconds, isRetry: false)
    }

    /// Sends, or tries again for a while when the client's queue is full.
    private func send(_ bytes: [UInt8], to sender: Sender, until deadline: Int, isRetry: Bool) {
        if isRetry { repliesWaiting -= 1 }
        var storage = sender.storage
        let descriptor = listener.descriptor
        let sent = bytes.withUnsafeBytes { bytes in
            withUnsafePointer(to: &storage) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    sendto(
                        descriptor, bytes.baseAddress, bytes.count,
                        Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL), $0, sender.length)
                }
            }
        }
        guard sent < 0 else { return }
        let error = errno
        let reactor = process.reactor
        guard error == EAGAIN || error == ENOBUFS, reactor.nowMilliseconds < deadline,
            repliesWaiting < configuration.repliesWaitingMax
        else { return logger.warning("management reply dropped: \(errorText(error))") }
        repliesWaiting += 1
        reactor.schedule(afterMilliseconds: Self.retryMilliseconds, label: Self.retrySite) { [weak self] in
            self?.send(bytes, to: sender, until: deadline, isRetry: true)
        }
    }
}
