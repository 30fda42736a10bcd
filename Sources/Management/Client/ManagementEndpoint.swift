/// Where a server's management interface is reached, as a user writes it:
/// `fifo:/tmp/opensips_fifo` (or a bare path), `udp:127.0.0.1:8080`, `udp:[::1]:8080`, `unix:/run/sipray/mi.sock`,
/// `http://127.0.0.1:8888/mi`, `https://user:password@[::1]:8888/mi`.
package enum ManagementEndpoint: Hashable, Sendable {
    case fifo(path: String, replyDirectory: String)
    case udp(host: String, port: UInt16)
    case unix(path: String)
    case http(HTTPLocation)

    /// Where the peer's clients look for a server that says nothing else.
    package static let `default` = ManagementEndpoint.fifo(path: "/tmp/opensips_fifo", replyDirectory: "/tmp")

    package struct ParseError: Error, Hashable, Sendable, CustomStringConvertible {
        package let text: String
        package var description: String {
            """
            '\(text)' is not a management address: expected fifo:PATH, udp:HOST:PORT, unix:PATH, \
            http://HOST:PORT/mi, https://HOST:PORT/mi or the path of a FIFO
            """
        }
    }

    /// It is reached over TLS: `https://`.
    package var isSecure: Bool {
        if case .http(let location) = self { location.isSecure } else { false }
    }

    package static func parse(
        _ text: String, replyDirectory: String = "/tmp"
    ) throws(ParseError) -> ManagementEndpoint {
        if let path = text.after(prefix: "fifo:") ?? (text.hasPrefix("/") ? text : nil), !path.isEmpty {
            return .fifo(path: path, replyDirectory: replyDirectory)
        }
        if let path = text.after(prefix: "unix:"), !path.isEmpty { return .unix(path: path) }
        if let address = text.after(prefix: "udp:"), let colon = address.lastIndex(of: ":"),
            let port = UInt16(address[address.index(after: colon)...]), port > 0
        {
            var host = address[..<colon]
            if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
            if !host.isEmpty { return .udp(host: String(host), port: port) }
        }
        if let rest = text.after(prefix: "http://"), let location = HTTPLocation(rest) { return .http(location) }
        if let rest = text.after(prefix: "https://"), let location = HTTPLocation(rest, isSecure: true) {
            return .http(location)
        }
        throw ParseError(text: text)
    }
}

extension ManagementEndpoint: CustomStringConvertible {
    package var description: String {
        switch self {
        case .fifo(let path, _): "fifo:\(path)"
        case .udp(let host, let port): host.contains(":") ? "udp:[\(host)]:\(port)" : "udp:\(host):\(port)"
        case .unix(let path): "unix:\(path)"
        case .http(let location): location.description
        }
    }
}

extension String {
    fileprivate func after(prefix: String) -> String? {
        hasPrefix(prefix) ? String(dropFirst(prefix.count)) : nil
    }
}
