import Glibc

/// A TCP socket on 127.0.0.1 that takes connections and says nothing by itself.
final class SilentListener {
    private let descriptor: Int32
    /// As a subscription names it.
    let socketText: String

    init() {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
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
        precondition(listen(descriptor, 64) == 0)
        socketText = "tcp:127.0.0.1:\(UInt16(bigEndian: address.sin_port))"
    }

    deinit { close(descriptor) }

    /// The connection that was made last; the others are closed.
    func acceptLast() -> Int32? {
        var last: Int32?
        var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        while poll(&entry, 1, 0) == 1 {
            if let last { close(last) }
            last = accept(descriptor, nil, nil)
        }
        return last
    }

    static func hasInput(_ connection: Int32) -> Bool {
        var entry = pollfd(fd: connection, events: Int16(POLLIN), revents: 0)
        return poll(&entry, 1, 0) == 1
    }

    static func read(_ connection: Int32) -> String {
        var buffer = [UInt8](repeating: 0, count: 65536)
        return String(decoding: buffer[..<max(0, recv(connection, &buffer, buffer.count, 0))], as: UTF8.self)
    }

    static func write(_ connection: Int32, _ text: String) {
        precondition(send(connection, text, text.utf8.count, Int32(MSG_NOSIGNAL)) == text.utf8.count)
    }
}
