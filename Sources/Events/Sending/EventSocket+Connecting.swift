import CPlatform
import Glibc
import Reactor

extension EventSocket {
    /// Bytes of the send buffer that a subscriber's socket asks for.
    private static let sendBufferBytes: Int32 = 1 << 20

    /// A non-blocking socket connected to it, so that refusals are reported, or a stream on the way to that; negative when
    /// there is nobody.
    func connected() -> Int32 {
        let (family, kind) =
            switch self {
            case .udp(let address): (address.isIPv6 ? AF_INET6 : AF_INET, SOCK_DGRAM)
            case .unix: (AF_UNIX, SOCK_DGRAM)
            case .tcp(let address, _): (address.isIPv6 ? AF_INET6 : AF_INET, SOCK_STREAM)
            }
        let type = kind.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue
        let descriptor = Glibc.socket(family, Int32(type), 0)
        guard descriptor >= 0 else { return -1 }
        _ = cplatform_socket_set_send_buffer(descriptor, Self.sendBufferBytes)
        let result = withSockaddr { connect(descriptor, $0, $1) }
        guard result == 0 || errno == EINPROGRESS else {
            close(descriptor)
            return -1
        }
        return descriptor
    }

    private func withSockaddr(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
        switch self {
        case .udp(let address) where address.isIPv6, .tcp(let address, _) where address.isIPv6:
            var form = sockaddr_in6()
            form.sin6_family = sa_family_t(AF_INET6)
            form.sin6_port = address.port.bigEndian
            form.sin6_scope_id = address.scope
            withUnsafeMutableBytes(of: &form.sin6_addr) { bytes in
                bytes.storeBytes(of: address.high.bigEndian, as: UInt64.self)
                bytes.storeBytes(of: address.low.bigEndian, toByteOffset: 8, as: UInt64.self)
            }
            return Self.rebound(&form, body)
        case .udp(let address), .tcp(let address, _):
            var form = sockaddr_in()
            form.sin_family = sa_family_t(AF_INET)
            form.sin_port = address.port.bigEndian
            form.sin_addr.s_addr = UInt32(truncatingIfNeeded: address.low).bigEndian
            return Self.rebound(&form, body)
        case .unix(let path):
            var form = sockaddr_un()
            form.sun_family = sa_family_t(AF_UNIX)
            // The path was measured when it was parsed, and the rest is zero.
            withUnsafeMutableBytes(of: &form.sun_path) { $0.copyBytes(from: path.utf8) }
            return Self.rebound(&form, body)
        }
    }

    private static func rebound<Form>(
        _ form: inout Form, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32
    ) -> Int32 {
        withUnsafePointer(to: &form) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<Form>.size)) }
        }
    }
}
