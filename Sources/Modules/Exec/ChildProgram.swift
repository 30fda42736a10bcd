import Bytes
import CPlatform
import Glibc
import Profiling
import Reactor

/// One program under way: its pipes and its end, followed on the reactor of the process that started it. Confined to it.
///
/// Keeps itself alive until it has ended, its pipes are closed, and nothing of it is to be ended any more. Until then
/// it is not reaped: its process group stays its own, so that a signal never meets strangers.
final class ChildProgram {
    /// Bytes of output that are kept of each stream; what comes beyond is read and dropped, so that the program goes on.
    static let outputBytesMax = 65_536
    /// How long after SIGTERM a program that goes on gets SIGKILL.
    static let graceMilliseconds = 2_000
    /// How long the status of a program that has closed its streams is waited for: most end right then.
    static let statusMilliseconds = 100

    struct Result {
        var output: [UInt8] = []
        var error: [UInt8] = []
        /// The exit status, 256 and more for a signal or when it is unknown; nil while the shell runs on.
        var status: Int32?
        var isCut = false
        /// It was ended from here.
        var wasEnded = false
    }

    enum Moment {
        /// It has closed the streams that are read, and has ended or runs on for `statusMilliseconds`.
        case silent
        case ended
    }

    let pid: Int32
    /// Called once nothing of it is left that is followed here.
    var onGone: (() -> Void)?
    private let reactor: Reactor
    private var result = Result()
    private var openStreams = 0
    private var pipes: [Pipe] = []
    private var input: [UInt8]
    private var written = 0
    private var exit: (registration: Registration, descriptor: Int32)?
    private var killTimer: Timer?
    /// Runs from SIGTERM to SIGKILL.
    private var graceTimer: Timer?
    /// Runs while the status of a program without open streams is waited for.
    private var statusTimer: Timer?
    private var isGone = false
    private var follower: (moment: Moment, body: (Result) -> Void)?

    private static let killSite = Site("exec time_to_kill", file: "ChildProgram", interest: .timers)
    private static let statusSite = Site("exec status", file: "ChildProgram", interest: .timers)
    private static let readSite = Site("async_fd", file: "handle_io", interest: .sip)

    /// One end of a pipe that the reactor watches.
    private final class Pipe {
        let descriptor: Int32
        var registration: Registration?

        init(_ descriptor: Int32) {
            self.descriptor = descriptor
        }

        func close() {
            registration?.remove()
            registration = nil
            Glibc.close(descriptor)
        }
    }

    /// Starts `/bin/sh -c command`.
    init(
        command: String, environment: [String], input: ByteString, wantsOutput: Bool, wantsError: Bool,
        secondsMax: Int, on reactor: Reactor
    ) throws(SystemCallError) {
        self.reactor = reactor
        self.input = input.bytes
        var theirs: [Int32] = []
        var mine: [(place: Int, descriptor: Int32)] = []
        defer { for descriptor in theirs { close(descriptor) } }
        var ends: [Int32] = [-1, -1, -1]
        for (place, isWanted) in [!input.isEmpty, wantsOutput, wantsError].enumerated() where isWanted {
            var pair: [Int32] = [-1, -1]
            let error = cplatform_pipe(&pair, place == 0 ? 0 : 1)
            guard error == 0 else {
                for (_, descriptor) in mine { close(descriptor) }
                throw SystemCallError(call: "pipe2", code: -error)
            }
            ends[place] = place == 0 ? pair[0] : pair[1]
            theirs.append(ends[place])
            mine.append((place, place == 0 ? pair[1] : pair[0]))
        }
        pid = Self.spawn(command, environment, ends)
        guard pid > 0 else {
            for (_, descriptor) in mine { close(descriptor) }
            throw SystemCallError(call: "posix_spawn", code: -pid)
        }
        for (place, descriptor) in mine { watch(descriptor, place) }
        watchEnd()
        if secondsMax > 0 {
            killTimer = reactor.schedule(afterMilliseconds: min(secondsMax, 1 << 20) * 1000, label: Self.killSite) {
                [weak self] in self?.end()
            }
        }
    }

    private static func spawn(_ command: String, _ environment: [String], _ ends: [Int32]) -> Int32 {
        var pointers: [UnsafeMutablePointer<CChar>?] = environment.map { strdup($0) }
        defer { for pointer in pointers { free(pointer) } }
        pointers.append(nil)
        return cplatform_spawn_shell(command, pointers, ends[0], ends[1], ends[2])
    }

    /// Calls `body` once, when that moment has come. Before anything has happened: right after the start.
    func follow(until moment: Moment, _ body: @escaping (Result) -> Void) {
        follower = (moment, body)
        settle()
    }

    /// Ends the program and everything that it started: SIGTERM, and SIGKILL for what goes on, even when the shell has
    /// ended.
    func end() {
        guard !isGone, !result.wasEnded else { return }
        result.wasEnded = true
        signal(SIGTERM)
        graceTimer = reactor.schedule(afterMilliseconds: Self.graceMilliseconds, label: Self.killSite) { [self] in
            graceTimer = nil
            signal(SIGKILL)
            // What still holds the pipes has left the group: it is not waited for.
            for pipe in pipes { pipe.close() }
            pipes = []
            openStreams = 0
            settle()
        }
    }

    private func signal(_ number: Int32) {
        if result.status != CPLATFORM_CHILD_LOST { kill(-pid, number) }
    }

    // MARK: Pipes

    private func watch(_ descriptor: Int32, _ place: Int) {
        let pipe = Pipe(descriptor)
        if place > 0 { openStreams += 1 }
        do throws(SystemCallError) {
            pipe.registration = try reactor.add(descriptor, for: place == 0 ? .writable : .readable) { [self] _ in
                if place == 0 { write(to: pipe) } else { read(from: pipe, isError: place == 2) }
            }
            pipes.append(pipe)
        } catch {
            // Without a watch nothing can be read: the program meets a closed pipe.
            pipe.close()
            if place > 0 { openStreams -= 1 }
        }
    }

    private func drop(_ pipe: Pipe) {
        pipes.removeAll { $0 === pipe }
        pipe.close()
    }

    private func write(to pipe: Pipe) {
        let count = input[written...].withUnsafeBytes { Glibc.write(pipe.descriptor, $0.baseAddress, $0.count) }
        if count > 0 {
            written += count
        } else if errno == EAGAIN || errno == EINTR {
            return
        }
        guard count <= 0 || written == input.count else { return }
        drop(pipe)
        settle()
    }

    private func read(from pipe: Pipe, isError: Bool) {
        let (bytes, count) = Self.read(pipe.descriptor)
        if count < 0, errno == EAGAIN || errno == EINTR { return }
        guard count > 0 else {
            drop(pipe)
            openStreams -= 1
            settle()
            return
        }
        reactor.probe.enter(Self.readSite)
        let kept = isError ? result.error.count : result.output.count
        let room = Self.outputBytesMax - kept
        if count > room { result.isCut = true }
        if isError { result.error += bytes.prefix(room) } else { result.output += bytes.prefix(room) }
        reactor.probe.exit(Self.readSite, status: Int32(clamping: count))
    }

    private static func read(_ descriptor: Int32) -> (bytes: [UInt8], count: Int) {
        var count = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: 16_384) { buffer, initialized in
            count = Glibc.read(descriptor, buffer.baseAddress, buffer.count)
            initialized = max(0, count)
        }
        return (bytes, count)
    }

    // MARK: End

    private func watchEnd() {
        let descriptor = cplatform_child_descriptor(pid)
        guard descriptor >= 0 else { return pollEnd() }
        do throws(SystemCallError) {
            let registration = try reactor.add(descriptor, for: .readable) { [self] _ in noteEnd() }
            exit = (registration, descriptor)
        } catch {
            close(descriptor)
            pollEnd()
        }
    }

    /// For a system without process descriptors: looks now and then.
    private func pollEnd() {
        reactor.schedule(afterMilliseconds: 100, label: Self.killSite) { [self] in
            noteEnd()
            if result.status == nil { pollEnd() }
        }
    }

    /// The shell has ended. What it started may go on, and hold the pipes.
    private func noteEnd() {
        let status = cplatform_child_status(pid)
        guard status >= 0 else { return }
        result.status = status
        exit?.registration.remove()
        if let descriptor = exit?.descriptor { close(descriptor) }
        exit = nil
        settle()
    }

    /// Tells the follower when its moment has come, and lets go of the program when nothing is left to do.
    private func settle() {
        tell()
        guard !isGone, result.status != nil, pipes.isEmpty, graceTimer == nil else { return }
        isGone = true
        killTimer?.cancel()
        killTimer = nil
        cplatform_child_reap(pid)
        onGone?()
        onGone = nil
    }

    private func tell() {
        guard let (moment, body) = follower else { return }
        switch moment {
        case .silent:
            guard openStreams == 0 else { return }
            guard result.status != nil || result.wasEnded else { return waitForStatus() }
        case .ended: guard result.status != nil else { return }
        }
        statusTimer?.cancel()
        statusTimer = nil
        follower = nil
        body(result)
    }

    /// The streams are closed and the program has not ended yet: gives it a moment, so that its status does not depend
    /// on which of the two is seen first.
    private func waitForStatus() {
        guard statusTimer == nil else { return }
        statusTimer = reactor.schedule(afterMilliseconds: Self.statusMilliseconds, label: Self.statusSite) { [self] in
            statusTimer = nil
            // The process may have been held up itself: what has happened meanwhile counts.
            noteEnd()
            guard let (_, body) = follower else { return }
            follower = nil
            body(result)
        }
    }
}
