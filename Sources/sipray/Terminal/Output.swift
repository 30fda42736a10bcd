import Glibc
import ProfileAnalysis
import Synchronization

/// Standard output that notices when nobody reads any more, and does not hold up the end when somebody stands still.
final class Output: Sendable {
    /// The command that speaks, for what it says on standard error.
    private let command: String
    /// Set when a write failed: the reader has gone, or takes nothing though the user wants the end.
    private let isClosed = Atomic<Bool>(false)

    /// A pipe that can be written to takes so much at once without waiting (`PIPE_BUF`).
    private static let pieceBytesMax = 4096
    private static let pollMilliseconds: Int32 = 100
    /// How long a reader that stands still is waited for once the user wants the end.
    private static let patienceMilliseconds: Int32 = 500

    /// - Parameter command: as the user typed it: `watch`.
    init(_ command: String) { self.command = command }

    var isGone: Bool { isClosed.load(ordering: .relaxed) }

    /// Whether a person is at the other end.
    var isTerminal: Bool {
        guard isatty(STDOUT_FILENO) == 1 else { return false }
        return getenv("TERM").map { String(cString: $0) != "dumb" } ?? false
    }

    /// What the terminal has room for now; nil where it does not tell.
    var room: ScreenRoom? {
        var size = winsize()
        guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0, size.ws_row > 0 else { return nil }
        return ScreenRoom(columns: Int(size.ws_col), rows: Int(size.ws_row))
    }

    /// Writes lines at once.
    func write(_ lines: [String]) {
        guard !lines.isEmpty else { return }
        write(bytes: Array((lines.joined(separator: "\n") + "\n").utf8))
    }

    /// Empties the screen and writes lines. On a terminal only.
    func redraw(_ lines: [String]) {
        write(bytes: Array(("\u{1B}[H\u{1B}[2J" + lines.joined(separator: "\n") + "\n").utf8))
    }

    private func write(bytes: [UInt8]) {
        var written = 0
        while written < bytes.count, !isGone {
            guard waitForReader() else { return isClosed.store(true, ordering: .relaxed) }
            let count = bytes.withUnsafeBytes { buffer in
                Glibc.write(
                    STDOUT_FILENO, buffer.baseAddress.map { $0 + written },
                    min(buffer.count - written, Self.pieceBytesMax))
            }
            if count > 0 {
                written += count
            } else if errno == EINTR ? Interruption.isRequested : errno != EAGAIN {
                isClosed.store(true, ordering: .relaxed)
            }
        }
    }

    /// Waits until something can be written; false when the user wants the end and it can't.
    private func waitForReader() -> Bool {
        var waited: Int32 = 0
        while true {
            var entry = pollfd(fd: STDOUT_FILENO, events: Int16(POLLOUT), revents: 0)
            let ready = poll(&entry, 1, Self.pollMilliseconds)
            // Also when the reader is gone: the write then says so.
            if ready > 0 { return true }
            if Interruption.isRequested { waited += Self.pollMilliseconds }
            if waited >= Self.patienceMilliseconds { return false }
        }
    }

    /// Waits; false when the user has had enough, or nobody reads any more.
    func wait(seconds: Int) -> Bool {
        for _ in 0..<(seconds * 20) where !Interruption.isRequested && !isGone { usleep(50_000) }
        return !Interruption.isRequested && !isGone
    }

    /// Writes a line to standard error.
    func note(_ text: String) {
        let bytes = Array("sipray \(command): \(text)\n".utf8)
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
