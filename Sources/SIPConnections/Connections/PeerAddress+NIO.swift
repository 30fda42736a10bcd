import CPlatform
import NIOCore
import Reactor

extension PeerAddress {
    /// The same address in NIO's form; nil when the system can't read it.
    var forNIO: NIOCore.SocketAddress? {
        if scope == 0 { return try? NIOCore.SocketAddress(ipAddress: host, port: Int(port)) }
        return try? NIOCore.SocketAddress.makeAddressResolvingHost(host, port: Int(port))
    }

    /// Nil for what is neither IPv4 nor IPv6.
    init?(_ address: NIOCore.SocketAddress?) {
        guard let address else { return nil }
        var platform = cplatform_address()
        let code = address.withSockAddr { pointer, _ in
            cplatform_address_from_sockaddr(UnsafeRawPointer(pointer), &platform)
        }
        guard code == 0 else { return nil }
        self.init(platform)
    }
}
