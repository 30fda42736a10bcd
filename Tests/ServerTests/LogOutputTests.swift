import Glibc
import Synchronization
import Testing

@testable import Server

/// Outputs of log lines, of which the reader stands still: nothing waits, and what is lost is told.
@Suite struct LogOutputTests {
    /// Takes so many bytes, then none.
    private final class Room: Sendable {
        let left: Mutex<Int>
        let text = Mutex("")

        init(_ bytes: Int) {
            left = Mutex(bytes)
        }

        func take(_ bytes: [UInt8]) -> Int {
            left.withLock { left in
                let count = min(left, bytes.count)
                left -= count
                text.withLock { $0 += String(decoding: bytes[..<count], as: UTF8.self) }
                return count
            }
        }
    }

    private func write(_ text: String, to lines: LogLines) {
        lines.write(Array("\(text)\n".utf8)) { Array("lost \($0)\n".utf8) }
    }

    @Test(arguments: [
        // In the midst of a line, at its end, before its end.
        (7, "one\ntwo\nlost 3\nfive\n"), (8, "one\ntwo\nlost 2\nfive\n"), (4, "one\nlost 3\nfive\n"),
        (6, "one\ntw\nlost 3\nfive\n"), (0, "lost 4\nfive\n"), (100, "one\ntwo\nthree\nfour\nfive\n"),
    ])
    func whatIsLostIsToldBeforeTheNextLine(bytes: Int, expected: String) {
        let room = Room(bytes)
        let lines = LogLines { room.take($0) }
        for text in ["one", "two", "three", "four"] { write(text, to: lines) }
        room.left.withLock { $0 = 1000 }
        write("five", to: lines)
        #expect(room.text.withLock { $0 } == expected)
        #expect(lines.lostCount == [7: 3, 8: 2, 4: 3, 6: 3, 0: 4, 100: 0][bytes])
    }

    private func room(of descriptor: LogDescriptor) -> Int {
        var taken = 0
        for _ in 0..<100_000 {
            let count = descriptor.write([UInt8](repeating: 65, count: 1000))
            taken += count
            if count < 1000 { return taken }
        }
        return Int.max
    }

    private static let kinds: [(String, @Sendable () -> (read: Int32, write: Int32))] = [
        (
            "pipe",
            {
                var ends: [Int32] = [0, 0]
                pipe(&ends)
                return (ends[0], ends[1])
            }
        ),
        (
            "socket",
            {
                var ends: [Int32] = [0, 0]
                socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends)
                return (ends[0], ends[1])
            }
        ),
    ]

    @Test(.timeLimit(.minutes(1)), arguments: [0, 1])
    func aReaderThatStandsStillIsNotWaitedFor(index: Int) {
        let (name, make) = Self.kinds[index]
        let (reader, writer) = make()
        let descriptor = LogDescriptor(sharing: writer)
        let first = room(of: descriptor)
        #expect(first > 1000 && first < 10_000_000, "\(name): \(first)")
        #expect(room(of: descriptor) < 1000, "\(name): it is full")
        // The descriptor itself still blocks for whoever shares it.
        #expect(fcntl(writer, F_GETFL) & O_NONBLOCK == 0)
        var bytes = [UInt8](repeating: 0, count: 1 << 20)
        var drained = 0
        while drained < first { drained += max(1, read(reader, &bytes, bytes.count)) }
        #expect(room(of: descriptor) > 1000, "\(name): it goes again")
        close(reader)
        close(writer)
    }

    @Test(.timeLimit(.minutes(1))) func theLogDaemonIsNotWaitedFor() throws {
        let path = "/tmp/sipray-log-test-\(getpid())"
        func listen() -> Int32 {
            unlink(path)
            let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
            var address = sockaddr_un()
            address.sun_family = sa_family_t(AF_UNIX)
            withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
            let length = socklen_t(MemoryLayout<sockaddr_un>.size)
            withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { _ = bind(descriptor, $0, length) }
            }
            return descriptor
        }
        let syslog = SyslogSocket(path: path)
        let line = Array("<30>Nov 23 05:15:59 sipray[7]: text".utf8)
        #expect(syslog.send(line) == 0, "no daemon yet")
        var daemon = listen()
        #expect(syslog.send(line) == line.count)
        var sent = 1
        while sent < 100_000, syslog.send(line) == line.count { sent += 1 }
        #expect(sent < 100_000, "a full queue refuses")
        var bytes = [UInt8](repeating: 0, count: 1000)
        #expect(read(daemon, &bytes, bytes.count) == line.count && Array(bytes[..<line.count]) == line)
        #expect(syslog.send(line) == line.count)
        // Another daemon in its place.
        close(daemon)
        daemon = listen()
        #expect(syslog.send(line) == line.count)
        close(daemon)
        unlink(path)
    }
}
