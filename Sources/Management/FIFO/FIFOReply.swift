import Glibc
import Profiling
import Reactor

/// One reply on its way into a client's FIFO: opened and written without ever waiting. Confined to the process.
///
/// A client that has not opened its FIFO yet is tried again with growing pauses, one that reads slowly is written to as
/// it reads; whoever takes too long gets the rest no more.
final class FIFOReply {
    private let path: String
    private let bytes: [UInt8]
    private let reactor: Reactor
    private let deadline: Int
    private let finished: (FIFOReply, String?) -> Void
    private var descriptor: Int32 = -1
    private var written = 0
    private var registration: Registration?
    private var timer: Timer?
    private var pauseMilliseconds = 1
    private var isFinished = false

    private static let pauseMillisecondsMax = 50
    private static let timerSite = ReactorSites.timer("mi_fifo reply")

    /// `finished` is called once, with a reason when the reply could not be delivered.
    init(
        path: String, bytes: [UInt8], reactor: Reactor, milliseconds: Int,
        finished: @escaping (FIFOReply, String?) -> Void
    ) {
        self.path = path
        self.bytes = bytes
        self.reactor = reactor
        self.finished = finished
        deadline = reactor.nowMilliseconds + milliseconds
    }

    func start() {
        guard !isFinished else { return }
        // No link is followed and only a FIFO is written to, so that no client can have a file overwritten.
        descriptor = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW)
        if descriptor >= 0 {
            var status = stat()
            guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFIFO else {
                return finish("it is not a FIFO")
            }
            return write()
        }
        guard errno == ENXIO || errno == EINTR else { return finish(errorText()) }
        guard reactor.nowMilliseconds < deadline else { return finish("the client has not opened it") }
        timer = reactor.schedule(afterMilliseconds: pauseMilliseconds, label: Self.timerSite) { [weak self] in
            self?.start()
        }
        pauseMilliseconds = min(pauseMilliseconds * 2, Self.pauseMillisecondsMax)
    }

    /// Tries again at once: for the moment before the process ends.
    func retry() {
        if descriptor >= 0 { return write() }
        timer?.cancel()
        start()
    }

    /// Gives it up.
    func cancel(_ reason: String) { finish(reason) }

    private func write() {
        while written < bytes.count {
            let count = bytes[written...].withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count >= 0 {
                written += count
            } else if errno == EAGAIN {
                return waitForReader()
            } else if errno != EINTR {
                return finish(errorText())
            }
        }
        finish(nil)
    }

    private func waitForReader() {
        guard registration == nil else { return }
        do throws(SystemCallError) {
            registration = try reactor.add(descriptor, for: .writable) { [weak self] _ in self?.write() }
        } catch {
            return finish(error.description)
        }
        let left = max(0, deadline - reactor.nowMilliseconds)
        timer = reactor.schedule(afterMilliseconds: left, label: Self.timerSite) { [weak self] in
            self?.finish("the client does not read")
        }
    }

    private func finish(_ reason: String?) {
        guard !isFinished else { return }
        isFinished = true
        timer?.cancel()
        registration?.remove()
        registration = nil
        if descriptor >= 0 { close(descriptor) }
        finished(self, reason)
    }
}
