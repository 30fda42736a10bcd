import Glibc
import Profiling
import Reactor
import Synchronization

@testable import SIPTransport

/// Lets a test wait until something has happened `count` times. A wait that lasts longer than 20 s ends the test run.
final class Done: Sendable {
    private let remaining: Atomic<Int>

    init(count: Int = 1) { remaining = Atomic(count) }

    func signal() { remaining.subtract(1, ordering: .releasing) }

    var isOver: Bool { remaining.load(ordering: .acquiring) <= 0 }

    func wait() {
        let limit = time(nil) + 20
        while !isOver {
            precondition(time(nil) < limit, "Done.wait: nothing happened for 20 s")
            usleep(200)
        }
    }
}

/// What several threads of a test append to.
final class Collected<Element: Sendable>: Sendable {
    private let elements = Mutex<[Element]>([])
    func append(_ element: Element) { elements.withLock { $0.append(element) } }
    var all: [Element] { elements.withLock { $0 } }
}

/// A plain blocking UDP socket of a test, with a timeout of 5 s.
final class TestSocket {
    let descriptor: Int32
    let address: SocketAddress

    init(ipv6: Bool = false) {
        let descriptor = socket(ipv6 ? AF_INET6 : AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
        var timeout = timeval(tv_sec: 5, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
        var bytes = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        withUnsafeMutablePointer(to: &bytes) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { raw in
                if ipv6 {
                    pointer.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) {
                        $0.pointee.sin6_family = sa_family_t(AF_INET6)
                        $0.pointee.sin6_addr = in6addr_loopback
                    }
                } else {
                    pointer.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
                        $0.pointee.sin_family = sa_family_t(AF_INET)
                        $0.pointee.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
                    }
                }
                let size = ipv6 ? MemoryLayout<sockaddr_in6>.size : MemoryLayout<sockaddr_in>.size
                precondition(bind(descriptor, raw, socklen_t(size)) == 0, "TestSocket: bind")
                getsockname(descriptor, raw, &length)
            }
        }
        self.descriptor = descriptor
        let port = withUnsafeBytes(of: bytes) { UInt16(bigEndian: $0.load(fromByteOffset: 2, as: UInt16.self)) }
        address = ipv6 ? SocketAddress(ipv6: 0, 1, port: port) : SocketAddress(127, 0, 0, 1, port: port)
    }

    deinit { close(descriptor) }

    func send(_ bytes: [UInt8], to destination: SocketAddress) -> Int {
        var address = sockaddr_storage()
        let size = Self.fill(&address, destination)
        return withUnsafePointer(to: address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                sendto(descriptor, bytes, bytes.count, 0, $0, socklen_t(size))
            }
        }
    }

    func receive() -> (bytes: [UInt8], from: SocketAddress)? {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        var address = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let count = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                recvfrom(descriptor, &buffer, buffer.count, 0, $0, &length)
            }
        }
        guard count >= 0 else { return nil }
        return (Array(buffer[..<count]), Self.read(address))
    }

    static func read(_ address: sockaddr_storage) -> SocketAddress {
        withUnsafeBytes(of: address) { raw in
            let port = UInt16(bigEndian: raw.load(fromByteOffset: 2, as: UInt16.self))
            if address.ss_family == sa_family_t(AF_INET) {
                return SocketAddress(
                    ipv4: UInt32(bigEndian: raw.load(fromByteOffset: 4, as: UInt32.self)), port: port)
            }
            return SocketAddress(
                ipv6: UInt64(bigEndian: raw.loadUnaligned(fromByteOffset: 8, as: UInt64.self)),
                UInt64(bigEndian: raw.loadUnaligned(fromByteOffset: 16, as: UInt64.self)), port: port)
        }
    }

    static func fill(_ storage: inout sockaddr_storage, _ address: SocketAddress) -> Int {
        withUnsafeMutableBytes(of: &storage) { raw in
            raw.storeBytes(of: sa_family_t(address.isIPv6 ? AF_INET6 : AF_INET), as: sa_family_t.self)
            raw.storeBytes(of: address.port.bigEndian, toByteOffset: 2, as: UInt16.self)
            if address.isIPv6 {
                raw.storeBytes(of: address.high.bigEndian, toByteOffset: 8, as: UInt64.self)
                raw.storeBytes(of: address.low.bigEndian, toByteOffset: 16, as: UInt64.self)
                return MemoryLayout<sockaddr_in6>.size
            }
            raw.storeBytes(of: UInt32(address.low).bigEndian, toByteOffset: 4, as: UInt32.self)
            return MemoryLayout<sockaddr_in>.size
        }
    }
}
