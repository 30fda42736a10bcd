package import Bytes

/// A SIP transport (RFC 3261 §18, RFC 7118, RFC 4168).
package enum Transport: UInt8, BitwiseCopyable, Hashable, Sendable, CaseIterable {
    case udp, tcp, tls, sctp, ws, wss

    /// As listeners and logs name it: `udp`.
    package var name: String {
        switch self {
        case .udp: "udp"
        case .tcp: "tcp"
        case .tls: "tls"
        case .sctp: "sctp"
        case .ws: "ws"
        case .wss: "wss"
        }
    }

    /// As it stands in a Via header: `UDP`.
    package var viaName: StaticString {
        switch self {
        case .udp: "UDP"
        case .tcp: "TCP"
        case .tls: "TLS"
        case .sctp: "SCTP"
        case .ws: "WS"
        case .wss: "WSS"
        }
    }

    /// The transport of that name in whatever case, or nil.
    package init?(name: ByteString) {
        guard let found = Transport.allCases.first(where: { name.equalsIgnoringCase(ByteString($0.name)) }) else {
            return nil
        }
        self = found
    }

    /// 5061 for TLS, 80 and 443 for WebSocket, else 5060.
    package var defaultPort: UInt16 {
        switch self {
        case .udp, .tcp, .sctp: 5060
        case .tls: 5061
        case .ws: 80
        case .wss: 443
        }
    }

    /// What keeps order and does not lose: no retransmission above it (RFC 3261 §17).
    package var isReliable: Bool { self != .udp }

    /// What a `sips:` URI may be sent over.
    package var isSecure: Bool { self == .tls || self == .wss }
}
