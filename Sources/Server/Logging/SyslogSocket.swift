import Glibc
import Synchronization

/// The way to the system's log daemon: RFC 3164 lines on its socket. Unlike `syslog(3)` it never waits for the daemon.
final class SyslogSocket: Sendable {
    private struct State {
        var descriptor: Int32 = -1
        /// A stream: lines end with a zero byte.
        var isStream = false
    }

    private let path: String
    private let state = Mutex(State())

    init(path: String = "/dev/log") {
        self.path = path
    }

    deinit { state.withLock { if $0.descriptor >= 0 { close($0.descriptor) } } }

    /// Sends a line, all of it or nothing; the number of bytes taken.
    func send(_ line: [UInt8]) -> Int {
        state.withLock { state in
            // The daemon may have been started again since the last line.
            for _ in 0..<2 {
                if state.descriptor < 0, !connect(&state) { return 0 }
                let bytes = state.isStream ? line + [0] : line
                let flags = Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL)
                let count = bytes.withUnsafeBytes { Glibc.send(state.descriptor, $0.baseAddress, $0.count, flags) }
                if count == bytes.count { return line.count }
                if count < 0, [EAGAIN, ENOBUFS, EMSGSIZE].contains(errno) { return 0 }
                close(state.descriptor)
                state.descriptor = -1
            }
            return 0
        }
    }

    private func connect(_ state: inout State) -> Bool {
        for kind in [SOCK_DGRAM, SOCK_STREAM] {
            let flags = Int32(kind.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
            let descriptor = socket(AF_UNIX, flags, 0)
            guard descriptor >= 0 else { return false }
            if connect(descriptor) {
                (state.descriptor, state.isStream) = (descriptor, kind == SOCK_STREAM)
                return true
            }
            let isOtherKind = errno == EPROTOTYPE
            close(descriptor)
            if !isOtherKind { return false }
        }
        return false
    }

    private func connect(_ descriptor: Int32) -> Bool {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let room = MemoryLayout.size(ofValue: address.sun_path)
        guard path.utf8.count < room else { return false }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let length = socklen_t(MemoryLayout<sockaddr_un>.size)
        return withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { Glibc.connect(descriptor, $0, length) == 0 }
        }
    }
}
