package import Reactor

/// Where a subscriber listens, as `evi:subscribe` takes it: `udp:127.0.0.1:9000`, `udp:[::1]:9000`, `unix:/path`,
/// a bare absolute path, `tcp:127.0.0.1:9000` or `tcp:127.0.0.1:9000/method`. Host names are refused but for `localhost`: nothing here may wait for DNS.
package enum EventSocket: Hashable, Sendable {
    case udp(SocketAddress)
    case unix(path: String)
    /// The method stands in the place of the event's name.
    case tcp(SocketAddress, method: String?)

    /// Bytes of a unix socket's path, without the end mark.
    static let pathBytesMax = 107
    /// Bytes of a method's name.
    static let methodBytesMax = 128

    package init?(_ text: String) {
        if text.hasPrefix("udp:") {
            guard let address = Self.address(text.dropFirst(4)) else { return nil }
            self = .udp(address)
        } else if text.hasPrefix("tcp:") {
            let parts = text.dropFirst(4).split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
            guard let address = Self.address(parts[0]) else { return nil }
            let method = parts.count > 1 && !parts[1].isEmpty ? String(parts[1]) : nil
            guard (method?.utf8.count ?? 0) <= Self.methodBytesMax else { return nil }
            self = .tcp(address, method: method)
        } else {
            let path = text.hasPrefix("unix:") ? String(text.dropFirst(5)) : text
            guard path.hasPrefix("/"), path.utf8.count <= Self.pathBytesMax, !path.utf8.contains(0) else { return nil }
            self = .unix(path: path)
        }
    }

    private static func address(_ text: Substring) -> SocketAddress? {
        let host = text.hasPrefix("localhost:") ? "127.0.0.1" + text.dropFirst("localhost".count) : String(text)
        guard let address = SocketAddress(host), address.port != 0, !address.isWildcard else { return nil }
        return address
    }
}

extension EventSocket: CustomStringConvertible {
    package var description: String {
        switch self {
        case .udp(let address): "udp:\(address)"
        case .unix(let path): "unix:\(path)"
        case .tcp(let address, let method): "tcp:\(address)" + (method.map { "/" + $0 } ?? "")
        }
    }
}
