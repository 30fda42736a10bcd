import Glibc
import Synchronization

/// Standard output that notices when nobody reads any more.
final class Output: Sendable {
    /// Set when a write failed: the reader has gone.
    private let isClosed = Atomic<Bool>(false)

    var isGone: Bool { isClosed.load(ordering: .relaxed) }

    /// Whether a person is at the other end.
    var isTerminal: Bool {
        guard isatty(STDOUT_FILENO) == 1 else { return false }
        return getenv("TERM").map { String(cString: $0) != "dumb" } ?? false
    }

    /// Writes lines at once.
    func write(_ lines: [String]) {
        guard !lines.isEmpty, !isGone else { return }
        var bytes: [UInt8] = []
        for line in lines {
            bytes.append(contentsOf: line.utf8)
            bytes.append(UInt8(ascii: "\n"))
        }
        var written = 0
        while written < bytes.count {
            let count = bytes.withUnsafeBytes { buffer in
                Glibc.write(STDOUT_FILENO, buffer.baseAddress.map { $0 + written }, buffer.count - written)
            }
            if count > 0 {
                written += count
            } else if errno != EINTR || Interruption.isRequested {
                isClosed.store(true, ordering: .relaxed)
                return
            }
        }
    }

    /// Empties the screen, for what is shown anew. On a terminal only.
    func clear() {
        // No newline: `write` would add one.
        let bytes = Array("\u{1B}[H\u{1B}[2J".utf8)
        _ = bytes.withUnsafeBytes { Glibc.write(STDOUT_FILENO, $0.baseAddress, $0.count) }
    }

    /// Waits; false when the user has had enough, or nobody reads any more.
    func wait(seconds: Int) -> Bool {
        for _ in 0..<(seconds * 20) where !Interruption.isRequested && !isGone { usleep(50_000) }
        return !Interruption.isRequested && !isGone
    }

    /// Writes a line to standard error.
    func note(_ text: String) {
        let bytes = Array("sipray watch: \(text)\n".utf8)
        _ = bytes.withUnsafeBytes { Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }

    /// What the local clock is ahead of UTC by.
    static func utcOffsetSeconds() -> Int {
        var now = time(nil)
        var local = tm()
        localtime_r(&now, &local)
        return local.tm_gmtoff
    }
}

/// Ctrl-C and SIGTERM, asked for instead of dying of them: there are levels to put back.
enum Interruption {
    private static let requested = Atomic<Bool>(false)

    static var isRequested: Bool { requested.load(ordering: .relaxed) }

    /// From here on the first of these signals only sets `isRequested`; a second one ends the program.
    static func install() {
        signal(SIGPIPE, SIG_IGN)
        for number in [SIGINT, SIGTERM, SIGHUP] {
            signal(number) { number in
                if Interruption.requested.exchange(true, ordering: .relaxed) { _exit(128 + number) }
            }
        }
    }
}
