import Glibc
import JSONRPC
package import Logging
import Profiling
package import Reactor

/// The process that reads management requests from a FIFO: `:NAME:{json}`, answered into the FIFO `NAME` in the reply
/// directory; without a name there is no answer.
///
/// Confined to its process but for `open`, which is called before the process runs. No client can make it wait: the
/// FIFO is read as far as it goes, replies are written as clients read.
package final class FIFOServer: @unchecked Sendable {
    // @unchecked: set up before the process runs, then used on its thread only.

    private let configuration: FIFOConfiguration
    private let runner: RequestRunner
    private let process: ReactorProcess
    private let logger: Logger
    private var framer: FIFOFramer
    private var descriptor: Int32 = -1
    private var identity: FileIdentity?
    private var registration: Registration?
    private var restTimer: Timer?
    private var checkTimer: Timer?
    /// Those that wait for their clients, the oldest first.
    private var replies: [FIFOReply] = []
    private var chunk = [UInt8](repeating: 0, count: 65536)

    private static let restSite = ReactorSites.timer("mi_fifo rest")
    private static let lastTries = 40
    private static let lastTryMicroseconds = 5_000

    package init(
        configuration: FIFOConfiguration, dispatcher: CommandDispatcher, process: ReactorProcess, logger: Logger
    ) {
        self.configuration = configuration
        runner = RequestRunner(dispatcher: dispatcher, process: process, site: ManagementSites.fifoCommand)
        self.process = process
        self.logger = logger
        framer = FIFOFramer(requestBytesMax: configuration.requestBytesMax)
    }

    /// Makes the FIFO and prepares the process to serve it. Before the process is spawned; once.
    package func open() throws(ManagementSetupError) {
        // A client that goes away while it is written to must be an error, not a signal.
        signal(SIGPIPE, SIG_IGN)
        try openFIFO()
        let reactor = process.reactor
        checkTimer = reactor.every(
            milliseconds: configuration.checkMilliseconds, label: ReactorSites.timer("mi_fifo check")
        ) { [weak self] in self?.check() }
        reactor.atStop { [self] in stop() }
    }

    private func stop() {
        checkTimer?.invalidate()
        restTimer?.cancel()
        // Who asked for the end (`kill`) is given a moment to fetch the answer.
        for _ in 0..<Self.lastTries where !replies.isEmpty {
            for reply in replies { reply.retry() }
            usleep(UInt32(Self.lastTryMicroseconds))
        }
        for reply in replies { reply.cancel("the server ends") }
        registration?.remove()
        if let identity, identity.isSameFile(as: FileIdentity(path: configuration.path)) { unlink(configuration.path) }
        if descriptor >= 0 { close(descriptor) }
        descriptor = -1
    }

    // MARK: The FIFO

    private func openFIFO() throws(ManagementSetupError) {
        let path = configuration.path
        try Self.clear(path)
        guard mkfifo(path, 0o600 & configuration.access.mode) == 0 else {
            throw ManagementSetupError("can't make the FIFO \(path): \(errorText())")
        }
        // Open for writing too, so that the end of one client's writing is not the end of the stream.
        let opened = Glibc.open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW)
        guard opened >= 0 else { throw ManagementSetupError("can't open the FIFO \(path): \(errorText())") }
        do throws(ManagementSetupError) {
            try configuration.access.apply(to: path)
            registration = try Self.watch(opened, process.reactor) { [weak self] in self?.read() }
        } catch {
            close(opened)
            unlink(path)
            throw error
        }
        descriptor = opened
        identity = FileIdentity(path: path)
    }

    private static func watch(
        _ descriptor: Int32, _ reactor: Reactor, _ body: @escaping () -> Void
    ) throws(ManagementSetupError) -> Registration {
        do throws(SystemCallError) {
            return try reactor.add(descriptor, for: .readable) { _ in body() }
        } catch {
            throw ManagementSetupError(error.description)
        }
    }

    /// Removes a FIFO that an earlier server left; anything else in its place is left alone and refused.
    private static func clear(_ path: String) throws(ManagementSetupError) {
        guard let present = FileIdentity(path: path) else { return }
        guard present.isKind(UInt32(S_IFIFO)) else {
            throw ManagementSetupError("\(path) is there and is not a FIFO: remove it or choose another fifo_name")
        }
        let writer = Glibc.open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW)
        if writer >= 0 {
            close(writer)
            throw ManagementSetupError("another server reads \(path): stop it or choose another fifo_name")
        }
        guard unlink(path) == 0 else { throw ManagementSetupError("can't replace the FIFO \(path): \(errorText())") }
    }

    /// Makes the FIFO anew when it was deleted or replaced.
    private func check() {
        guard let identity, !identity.isSameFile(as: FileIdentity(path: configuration.path)) else { return }
        registration?.remove()
        close(descriptor)
        descriptor = -1
        do throws(ManagementSetupError) {
            try openFIFO()
            logger.notice("the FIFO \(configuration.path) was gone and has been made again")
        } catch {
            logger.error("the FIFO \(configuration.path) was gone and can't be made again: \(error)")
        }
    }

    // MARK: Requests

    private func read() {
        let probe = process.probe
        probe.enter(ManagementSites.fifoReading)
        let count = chunk.withUnsafeMutableBytes { Glibc.read(descriptor, $0.baseAddress, $0.count) }
        if count > 0 { handle(framer.append(Array(chunk[..<count]))) }
        waitForRest()
        probe.exit(ManagementSites.fifoReading)
    }

    private func waitForRest() {
        restTimer?.cancel()
        restTimer = nil
        guard framer.isIncomplete else { return }
        restTimer = process.reactor.schedule(
            afterMilliseconds: configuration.restMilliseconds, label: Self.restSite
        ) { [weak self] in self?.abandon() }
    }

    private func abandon() {
        handle(framer.abandon())
        waitForRest()
    }

    private func handle(_ frames: [FIFOFrame]) {
        for frame in frames {
            switch frame {
            case .bad(nil, let error): logger.warning("bad management request in \(configuration.path): \(error)")
            case .bad(let name?, let error):
                if !name.isEmpty, isUsable(name) { send(.reply(RPCReply(error: error, id: .null)), to: name) }
            case .request(let name, let json):
                if name.isEmpty || isUsable(name) { carryOut(json, name) }
            }
        }
    }

    private func carryOut(_ json: [UInt8], _ name: [UInt8]) {
        runner.run(json) { [self] answer in
            if let answer { send(answer, to: name) }
        }
    }

    /// A name is one file in the reply directory, nothing else.
    private func isUsable(_ name: [UInt8]) -> Bool {
        if name.first != UInt8(ascii: "."), name.allSatisfy(FIFOFramer.isNameByte) { return true }
        logger.warning(
            "management request refused: '\(String(decoding: name, as: UTF8.self))' is no name of a reply FIFO")
        return false
    }

    private func send(_ answer: RPCAnswer, to name: [UInt8]) {
        guard !name.isEmpty else { return }
        let path = configuration.replyDirectory + "/" + String(decoding: name, as: UTF8.self)
        let fifo = FIFOReply(
            path: path, bytes: answer.serialized(), reactor: process.reactor,
            milliseconds: configuration.replyMilliseconds
        ) { [weak self] fifo, reason in
            self?.replies.removeAll { $0 === fifo }
            if let reason { self?.logger.warning("management reply to \(path) dropped: \(reason)") }
        }
        replies.append(fifo)
        fifo.start()
        // Most clients wait for their answer already. Who let others pile up loses the oldest, so that no client can keep
        // the answers of the rest away.
        if replies.count > configuration.repliesWaitingMax {
            replies.first?.cancel("\(configuration.repliesWaitingMax) replies wait for their clients")
        }
    }
}
