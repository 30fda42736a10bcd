package import RouteLanguage

/// A `socket=` of the script, or a `-l` of the command line, before its host is looked up.
package struct ListenerConfiguration: Sendable {
    package var transport: String
    package var host: String
    package var hostKind: SocketDefinition.HostKind
    package var port: UInt16
    package var options: SocketOptions
    /// nil when it came from the command line.
    package var location: SourceLocation?

    /// `udp:10.0.0.1:5060`
    package var description: String {
        let shown = hostKind == .ipv6 ? "[\(host)]" : host
        return "\(transport):\(shown):\(port)"
    }

    /// The port of a transport when none is written (RFC 3261 §19.1.2).
    package static func portDefault(_ transport: String) -> UInt16 {
        switch transport {
        case "tls", "wss": 5061
        case "ws": 80
        default: 5060
        }
    }
}

extension ListenerConfiguration {
    /// One for each port of each socket of the script.
    package static func listeners(of script: Script) -> [ListenerConfiguration] {
        script.sockets.flatMap { listeners(of: $0, location: $0.location) }
    }

    private static func listeners(
        of socket: SocketDefinition, location: SourceLocation?
    ) -> [ListenerConfiguration] {
        let ports = socket.ports.isEmpty ? [portDefault(socket.transport)] : socket.ports
        return ports.map { port in
            ListenerConfiguration(
                transport: socket.transport, host: socket.host, hostKind: socket.hostKind, port: port,
                options: socket.options, location: location)
        }
    }

    /// Reads a socket as `-l` takes it: `[proto:]host[:port]`, one listener for each of its ports.
    package static func parse(_ text: String) throws(ConfigurationError) -> [ListenerConfiguration] {
        let isNamed = ["udp:", "tcp:", "tls:", "ws:", "wss:", "sctp:"].contains { text.hasPrefix($0) }
        switch SocketDefinition.parse(isNamed ? text : "udp:\(text)") {
        case .success(let socket): return listeners(of: socket, location: nil)
        case .failure(let error):
            throw ConfigurationError(
                "-l \(text): \(error.message)",
                hint: error.hint ?? "write it as proto:address[:port], for example -l udp:127.0.0.1:5060")
        }
    }
}
