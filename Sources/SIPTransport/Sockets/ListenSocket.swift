package import Bytes
package import Reactor

/// One address that the server listens on: what a script names as `udp:127.0.0.1:5060`.
///
/// Shared by all receivers of that address, made once at start, compared by identity of its number.
package final class ListenSocket: Sendable, Hashable, CustomStringConvertible {
    /// Its place in the list of listeners; the same for the life of the server.
    package let id: Int
    package let transport: Transport
    /// The address that is really bound (a port of 0 has become a real one).
    package let address: SocketAddress
    /// The name that the script gives it with `tag`, or nil.
    package let tag: String?
    /// What stands for it in Via, Record-Route and Contact: the advertised host, else the address.
    package let advertisedHost: ByteString
    package let advertisedPort: UInt16
    /// True when the script said `as host[:port]`.
    package let isAdvertised: Bool
    /// `udp:127.0.0.1:5060`
    package let description: String
    /// `127.0.0.1:5060` or `[::1]:5060`, of what is advertised.
    package let advertisedText: ByteString

    package init(
        id: Int, transport: Transport, address: SocketAddress, advertisedHost: String? = nil,
        advertisedPort: UInt16? = nil, tag: String? = nil
    ) {
        self.id = id
        self.transport = transport
        self.address = address
        self.tag = tag
        let host = advertisedHost ?? address.uriHost
        self.advertisedHost = ByteString(host)
        self.advertisedPort = advertisedPort ?? address.port
        isAdvertised = advertisedHost != nil
        description = "\(transport.name):\(address)"
        advertisedText = ByteString("\(host):\(self.advertisedPort)")
    }

    package static func == (left: ListenSocket, right: ListenSocket) -> Bool { left === right }

    package func hash(into hasher: inout Hasher) { hasher.combine(id) }
}

/// Where a message goes: a transport, an address, and the listener it leaves from if that is settled.
package struct Destination: Hashable, Sendable, CustomStringConvertible {
    package var transport: Transport
    /// No connection is to be opened: it goes over one that there is, or not at all.
    package var reusesOnly = false
    /// The connection that is tried first; the address is for when it is gone.
    package var connection: ConnectionID
    package var address: SocketAddress
    package var socket: ListenSocket?

    package init(
        transport: Transport, address: SocketAddress, socket: ListenSocket? = nil, connection: ConnectionID = .none
    ) {
        self.transport = transport
        self.address = address
        self.socket = socket
        self.connection = connection
    }

    package var description: String { "\(transport.name):\(address)" }
}
