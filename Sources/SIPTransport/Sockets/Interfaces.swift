import CPlatform
import Glibc
package import Reactor

/// The machine's own addresses, and what a listener's host means on it. Asks the system; for the start of the server.
package enum Interfaces {
    package struct Entry: Hashable, Sendable {
        package var name: String
        package var address: SocketAddress
        package var isUp: Bool
    }

    /// Addresses that one listener may stand for.
    package static let addressesPerListenerMax = 64

    /// Every IPv4 and IPv6 address of the machine, in the system's order.
    package static func all() -> [Entry] {
        var first: UnsafeMutablePointer<ifaddrs>?
        guard getifaddrs(&first) == 0 else { return [] }
        defer { freeifaddrs(first) }
        var entries: [Entry] = []
        var next = first
        while let interface = next {
            next = interface.pointee.ifa_next
            var address = cplatform_address()
            guard let raw = interface.pointee.ifa_addr, cplatform_address_from_sockaddr(raw, &address) == 0,
                let address = SocketAddress(address)
            else { continue }
            entries.append(
                Entry(
                    name: String(cString: interface.pointee.ifa_name), address: address,
                    isUp: interface.pointee.ifa_flags & UInt32(IFF_UP) != 0))
        }
        return entries
    }

    /// The addresses that a listener stands for.
    ///
    /// `*` is every IPv4 and IPv6 address of the interfaces that are up, without link-local ones; an interface name is
    /// that interface's; a host name is what the system's resolver says, which may take seconds.
    package static func expand(_ request: ListenRequest) throws(ListenError) -> [SocketAddress] {
        if let address = SocketAddress(host: request.host, port: request.port) { return [address] }
        let entries = all().filter { $0.isUp && !$0.address.isLinkLocal && !$0.address.isMulticast }
        let chosen = request.host == "*" ? entries : entries.filter { $0.name == request.host }
        var addresses = chosen.map { $0.address.with(port: request.port) }
        if addresses.isEmpty { addresses = try lookUp(request) }
        guard addresses.count <= addressesPerListenerMax else {
            throw .tooMany(request.description, limit: addressesPerListenerMax)
        }
        var seen: Set<SocketAddress> = []
        return addresses.filter { seen.insert($0).inserted }
    }

    private static func lookUp(_ request: ListenRequest) throws(ListenError) -> [SocketAddress] {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_DGRAM.rawValue)
        hints.ai_flags = AI_ADDRCONFIG
        var first: UnsafeMutablePointer<addrinfo>?
        let code = getaddrinfo(request.host, nil, &hints, &first)
        guard code == 0 else {
            throw .unknownHost(request.description, reason: String(cString: gai_strerror(code)))
        }
        defer { freeaddrinfo(first) }
        var addresses: [SocketAddress] = []
        var next = first
        while let info = next {
            next = info.pointee.ai_next
            var address = cplatform_address()
            if let raw = info.pointee.ai_addr, cplatform_address_from_sockaddr(raw, &address) == 0,
                let address = SocketAddress(address)
            {
                addresses.append(address.with(port: request.port))
            }
        }
        return addresses
    }
}
