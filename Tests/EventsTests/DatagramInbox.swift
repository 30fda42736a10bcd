import Glibc

/// A bound datagram socket that a test reads from, UDP on 127.0.0.1 or unix.
final class DatagramInbox {
    let descriptor: Int32
    /// As a subscription names it.
    let socketText: String
    private let path: String?

    init() {
        path = nil
        descriptor = socket(AF_INET, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let descriptor = descriptor
        withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                precondition(bind(descriptor, $0, length) == 0)
                precondition(getsockname(descriptor, $0, &length) == 0)
            }
        }
        socketText = "udp:127.0.0.1:\(UInt16(bigEndian: address.sin_port))"
    }

    init(path: String) {
        self.path = path
        unlink(path)
        descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let descriptor = descriptor
        withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                precondition(bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0)
            }
        }
        socketText = "unix:\(path)"
    }

    deinit {
        close(descriptor)
        if let path { unlink(path) }
    }

    /// The next datagram; `nil` when none comes in time.
    func next(withinMilliseconds timeout: Int32 = 5000) -> String? {
        var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        guard poll(&entry, 1, timeout) == 1 else { return nil }
        var buffer = [UInt8](repeating: 0, count: 65536)
        let count = recv(descriptor, &buffer, buffer.count, 0)
        return count < 0 ? nil : String(decoding: buffer[..<count], as: UTF8.self)
    }

    /// Whether nothing waits now.
    var isEmpty: Bool { next(withinMilliseconds: 0) == nil }
}

/// Waits until something holds; `false` when it does not in time.
func eventually(withinMilliseconds timeout: Int = 5000, _ condition: () -> Bool) -> Bool {
    for _ in 0..<timeout {
        if condition() { return true }
        usleep(1000)
    }
    return condition()
}
