package import Bytes
import Reactor
package import RouteLanguage
package import RouteRuntime
package import SIPMessage

/// What the server answers to: its listeners, the addresses that they advertise, and the script's aliases.
///
/// Made at start, never changed, read by every process. Answers by comparing bytes; only an IPv6 text, which may be
/// written otherwise than the one that it is compared with, is decoded.
package final class LocalAddresses: Sendable {
    package let sockets: [ScriptSocket]
    private let aliases: [Alias]

    private struct Alias: Sendable {
        /// Without brackets.
        let host: ByteString
        /// What it is as an address; nil for a name.
        let address: SocketAddress?
        /// 0 for any.
        let port: Int
        let transport: ByteString?
        let acceptsSubdomain: Bool
    }

    package init(sockets: [ScriptSocket], aliases: [AliasDefinition] = []) {
        self.sockets = sockets
        self.aliases = aliases.map { alias in
            Alias(
                host: ByteString(alias.host).withoutBrackets,
                address: Self.ipv6(ByteString(alias.host).withoutBrackets), port: Int(alias.port),
                transport: alias.transport.map { ByteString($0) }, acceptsSubdomain: alias.acceptsSubdomain)
        }
    }

    /// Whether host and port are ours. A port of 0 stands for any; no transport for any.
    package func contains(host: ByteString, port: Int, transport: ByteString? = nil) -> Bool {
        if socket(host: host, port: port, transport: transport) != nil { return true }
        guard !aliases.isEmpty else { return false }
        let host = host.withoutBrackets
        let address = Self.ipv6(host)
        return aliases.contains { alias in
            (alias.port == 0 || port == 0 || alias.port == port)
                && (alias.transport.map { transport.map($0.equalsIgnoringCase) ?? true } ?? true)
                && (Self.matches(host, alias) || address != nil && address == alias.address)
        }
    }

    /// Whether host and port of `uri` are ours. Without a port its scheme's own counts, as RFC 3261 §19.1.2 says.
    package func contains(_ uri: SIPURI) -> Bool {
        contains(host: uri.host, port: Int(uri.effectivePort))
    }

    /// The listener with this address, or the one that advertises it.
    package func socket(host: ByteString, port: Int, transport: ByteString? = nil) -> ScriptSocket? {
        let host = host.withoutBrackets
        let address = Self.ipv6(host)
        func isSame(_ other: ByteString) -> Bool {
            other.equalsIgnoringCase(host) || address != nil && address == Self.ipv6(other)
        }
        for socket in sockets {
            if let transport, !socket.transport.equalsIgnoringCase(transport) { continue }
            if let advertised = socket.advertisedAddress,
                port == 0 || (socket.advertisedPort ?? socket.port) == port, isSame(advertised.withoutBrackets)
            {
                return socket
            }
            if port == 0 || socket.port == port, isSame(socket.address) { return socket }
        }
        return nil
    }

    /// The address that a text without brackets is; nil for names and for IPv4, which is written in one way only.
    private static func ipv6(_ host: ByteString) -> SocketAddress? {
        host.contains(ASCII.colon) ? SocketAddress(host: host.string, port: 0) : nil
    }

    /// The listener that a description such as `udp:127.0.0.1:5060` names; the transport may be left out.
    package func socket(described text: ByteString) -> ScriptSocket? {
        if let exact = sockets.first(where: { $0.description == text || $0.tag == text }) { return exact }
        var rest = text
        var transport: ByteString?
        if let colon = text.first(of: ASCII.colon), text.first != ASCII.openBracket {
            let word = text.prefix(colon)
            if sockets.contains(where: { $0.transport.equalsIgnoringCase(word) }) {
                transport = word
                rest = text.dropFirst(colon + 1)
            }
        }
        let bracket = rest.last(of: ASCII.closeBracket) ?? -1
        guard let colon = rest.last(of: ASCII.colon), colon > bracket else {
            return socket(host: rest, port: 0, transport: transport)
        }
        guard let port = rest.dropFirst(colon + 1).decimal() else { return nil }
        return socket(host: rest.prefix(colon), port: port, transport: transport)
    }

    private static func matches(_ host: ByteString, _ alias: Alias) -> Bool {
        if host.equalsIgnoringCase(alias.host) { return true }
        guard alias.acceptsSubdomain, host.count > alias.host.count + 1 else { return false }
        let tail = host.dropFirst(host.count - alias.host.count)
        return tail.equalsIgnoringCase(alias.host) && host[host.count - alias.host.count - 1] == UInt8(ascii: ".")
    }
}
