package import Reactor

/// The parameters of management by datagram; the names in brackets are the module's, `mi_datagram`.
package struct DatagramConfiguration: Hashable, Sendable {
    package enum Address: Hashable, Sendable, CustomStringConvertible {
        case udp(SocketAddress)
        case unix(path: String)

        /// Reads `socket_name`: `udp:IP:PORT`, `unix:PATH` or a bare path. Without an IP (`udp:PORT`) it is loopback;
        /// every address of the machine must be asked for (`udp:0.0.0.0:PORT`).
        package init?(_ text: String) {
            if text.hasPrefix("udp:") {
                var address = String(text.dropFirst(4))
                if address.hasPrefix("localhost:") { address = String(address.dropFirst("localhost".count)) }
                if address.hasPrefix(":") { address = String(address.dropFirst()) }
                if let port = UInt16(address) {
                    self = .udp(SocketAddress(127, 0, 0, 1, port: port))
                } else if let parsed = SocketAddress(address) {
                    self = .udp(parsed)
                } else {
                    return nil
                }
            } else {
                let path = text.hasPrefix("unix:") ? String(text.dropFirst(5)) : text
                guard !path.isEmpty, path.utf8.count < 108, !path.utf8.contains(0) else { return nil }
                self = .unix(path: path)
            }
        }

        package var description: String {
            switch self {
            case .udp(let address): "udp:\(address)"
            case .unix(let path): "unix:\(path)"
            }
        }
    }

    /// Where requests come in (`socket_name`).
    package var address: Address
    /// Who may write to a unix socket (`unix_socket_mode`, `unix_socket_user`, `unix_socket_group`).
    package var access: FileAccess
    /// How long a reply is tried when the client's queue is full (`socket_timeout`).
    package var replyMilliseconds: Int
    /// Replies that wait so; one more is dropped.
    package var repliesWaitingMax = 64
    /// Bytes of a request or a reply, as the peer has it.
    package static let datagramBytesMax = 65_457

    package init(address: Address, access: FileAccess = FileAccess(), replyMilliseconds: Int = 2000) {
        self.address = address
        self.access = access
        self.replyMilliseconds = replyMilliseconds
    }
}
