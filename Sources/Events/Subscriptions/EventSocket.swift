package import Reactor

/// Where a subscriber listens, as `evi:subscribe` takes it: `udp:127.0.0.1:9000`, `udp:[::1]:9000`, `unix:/path`
/// or a bare absolute path. Host names are refused but for `localhost`: nothing here may wait for DNS.
package enum EventSocket: Hashable, Sendable {
    case udp(SocketAddress)
    case unix(path: String)

    /// Bytes of a unix socket's path, without the end mark.
    static let pathBytesMax = 107

    package init?(_ text: String) {
        if text.hasPrefix("udp:") {
            var address = String(text.dropFirst(4))
            if address.hasPrefix("localhost:") { address = "127.0.0.1" + address.dropFirst("localhost".count) }
            guard let parsed = SocketAddress(address), parsed.port != 0, !parsed.isWildcard else { return nil }
            self = .udp(parsed)
        } else {
            let path = text.hasPrefix("unix:") ? String(text.dropFirst(5)) : text
            guard path.hasPrefix("/"), path.utf8.count <= Self.pathBytesMax, !path.utf8.contains(0) else { return nil }
            self = .unix(path: path)
        }
    }
}

extension EventSocket: CustomStringConvertible {
    package var description: String {
        switch self {
        case .udp(let address): "udp:\(address)"
        case .unix(let path): "unix:\(path)"
        }
    }
}
