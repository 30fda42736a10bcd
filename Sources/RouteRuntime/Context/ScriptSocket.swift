package import Bytes
package import Reactor

/// What a script sees of a listening socket. The transport floor is out of sight here; `id` is its handle.
package struct ScriptSocket: Sendable, Hashable {
    package let id: Int
    /// In lower case: `udp`.
    package let transport: ByteString
    package let address: ByteString
    package let port: Int
    package let isIPv6: Bool
    package let advertisedAddress: ByteString?
    package let advertisedPort: Int?
    package let tag: ByteString?
    package let isAnycast: Bool
    /// Address and port as a socket has them; 0.0.0.0 when the address is none.
    package let socketAddress: SocketAddress
    /// `udp:127.0.0.1:5060`
    package let description: ByteString

    package init(
        id: Int, transport: ByteString, address: ByteString, port: Int, isIPv6: Bool = false,
        advertisedAddress: ByteString? = nil, advertisedPort: Int? = nil, tag: ByteString? = nil,
        isAnycast: Bool = false
    ) {
        self.id = id
        self.transport = transport
        self.address = address
        self.port = port
        self.isIPv6 = isIPv6
        self.advertisedAddress = advertisedAddress
        self.advertisedPort = advertisedPort
        self.tag = tag
        self.isAnycast = isAnycast
        let numeric = address.withBytes { bytes in
            SocketAddress(host: Span(_unsafeBytes: bytes), port: UInt16(clamping: port))
        }
        socketAddress = numeric ?? SocketAddress(ipv4: 0, port: UInt16(clamping: port))
        var writer = ByteWriter()
        writer.append(transport)
        writer.append(UInt8(ascii: ":"))
        if isIPv6 { writer.append(UInt8(ascii: "[")) }
        writer.append(address)
        if isIPv6 { writer.append(UInt8(ascii: "]")) }
        writer.append(UInt8(ascii: ":"))
        writer.append(decimal: port)
        description = writer.finishText()
    }
}
