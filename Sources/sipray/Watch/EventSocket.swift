import Glibc
import Management

/// The datagram socket that events come to.
final class EventSocket {
    /// As a subscription names it: `udp:127.0.0.1:40001`, `unix:/tmp/watch.sock`.
    let address: String
    private let descriptor: Int32
    private let path: String?

    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    /// Opens it where the user says, else on a free UDP port of the address by which the server can reach us.
    init(_ text: String?, for endpoint: ManagementEndpoint) throws {
        let text = text ?? EventSocket.defaultAddress(for: endpoint)
        let parsed: ManagementEndpoint
        if text.hasSuffix(":0"), let free = try? ManagementEndpoint.parse(text.dropLast(2) + ":1") {
            guard case .udp(let host, _) = free else { throw EventSocket.malformed(text) }
            parsed = .udp(host: host, port: 0)
        } else if let other = try? ManagementEndpoint.parse(text) {
            parsed = other
        } else {
            throw EventSocket.malformed(text)
        }
        switch parsed {
        case .fifo, .http: throw EventSocket.malformed(text)
        case .unix(let path):
            descriptor = try EventSocket.openUnix(path)
            address = "unix:\(path)"
            self.path = path
        case .udp(let host, let port):
            let (descriptor, bound) = try EventSocket.openUDP(host, port)
            self.descriptor = descriptor
            address = "udp:\(host.contains(":") ? "[\(host)]" : host):\(bound)"
            path = nil
        }
        var bytes: Int32 = 4 << 20
        setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &bytes, socklen_t(MemoryLayout<Int32>.size))
    }

    func close() {
        Glibc.close(descriptor)
        if let path { unlink(path) }
    }

    /// Waits for datagrams, at most that long, and hands each one on.
    func receive(milliseconds: Int32, _ body: ([UInt8]) -> Void) {
        var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        guard poll(&entry, 1, milliseconds) > 0 else { return }
        var buffer = [UInt8](repeating: 0, count: 65_536)
        // So many at a time, that the caller sees to its other duties in between.
        for _ in 0..<256 {
            let count = buffer.withUnsafeMutableBytes {
                recv(descriptor, $0.baseAddress, $0.count, Int32(MSG_DONTWAIT))
            }
            guard count >= 0 else { return }
            body(Array(buffer[..<count]))
        }
    }

    private static func malformed(_ text: String) -> Failure {
        Failure(description: "'\(text)' is no address to receive events at: write udp:IP:PORT or unix:PATH")
    }

    /// Loopback where the server is on this machine; else the address from which we would send to it.
    private static func defaultAddress(for endpoint: ManagementEndpoint) -> String {
        let (host, port): (String, UInt16)
        switch endpoint {
        case .udp(let name, let number): (host, port) = (name, number)
        case .http(let location): (host, port) = (location.host, location.port)
        default: return "udp:127.0.0.1:0"
        }
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_DGRAM.rawValue)
        var found: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, String(port), &hints, &found) == 0, let target = found?.pointee else {
            return "udp:127.0.0.1:0"
        }
        defer { freeaddrinfo(found) }
        let probe = socket(target.ai_family, Int32(SOCK_DGRAM.rawValue), 0)
        defer { Glibc.close(probe) }
        var own = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        var text = [CChar](repeating: 0, count: Int(NI_MAXHOST))
        let isKnown = withUnsafeMutablePointer(to: &own) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                connect(probe, target.ai_addr, target.ai_addrlen) == 0
                    && getsockname(probe, address, &length) == 0
                    && getnameinfo(address, length, &text, socklen_t(text.count), nil, 0, NI_NUMERICHOST) == 0
            }
        }
        guard isKnown else { return "udp:127.0.0.1:0" }
        let name = String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return name.contains(":") ? "udp:[\(name)]:0" : "udp:\(name):0"
    }

    private static func openUDP(_ host: String, _ port: UInt16) throws -> (Int32, UInt16) {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_DGRAM.rawValue)
        hints.ai_flags = AI_NUMERICHOST | AI_PASSIVE
        var found: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, String(port), &hints, &found) == 0, let target = found?.pointee else {
            throw Failure(description: "\(host) is no IP address: events are received at an address of this machine")
        }
        defer { freeaddrinfo(found) }
        let descriptor = socket(target.ai_family, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0, bind(descriptor, target.ai_addr, target.ai_addrlen) == 0 else {
            throw Failure(description: "can't receive at udp:\(host):\(port): \(String(cString: strerror(errno)))")
        }
        var own = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let bigEndian = withUnsafeMutablePointer(to: &own) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { _ = getsockname(descriptor, $0, &length) }
            // The port lies at the same place in both families.
            return pointer.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { $0.pointee.sin_port }
        }
        return (descriptor, UInt16(bigEndian: bigEndian))
    }

    private static func openUnix(_ path: String) throws -> Int32 {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        guard path.utf8.count < MemoryLayout.size(ofValue: address.sun_path) else {
            throw Failure(description: "unix:\(path) is too long for a socket: 107 bytes at most")
        }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        // Only its owner and group may write to it, the server must be one of them.
        let mask = umask(0o117)
        defer { umask(mask) }
        let isBound = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0
            }
        }
        guard descriptor >= 0, isBound else {
            throw Failure(description: "can't receive at unix:\(path): \(String(cString: strerror(errno)))")
        }
        return descriptor
    }
}
