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
        script.sockets.flatMap { socket in
            let ports = socket.ports.isEmpty ? [portDefault(socket.transport)] : socket.ports
            return ports.map { port in
                ListenerConfiguration(
                    transport: socket.transport, host: socket.host, hostKind: socket.hostKind, port: port,
                    options: socket.options, location: socket.location)
            }
        }
    }

    /// Reads `[proto:]host[:port]` as `-l` takes it.
    package static func parse(_ text: String) throws(ConfigurationError) -> ListenerConfiguration {
        func refuse(_ why: String) -> ConfigurationError {
            ConfigurationError(
                "-l \(text): \(why)", hint: "write it as proto:address[:port], for example -l udp:127.0.0.1:5060")
        }
        var rest = Substring(text)
        var transport = "udp"
        if let colon = rest.firstIndex(of: ":"),
            ["udp", "tcp", "tls", "ws", "wss", "sctp"].contains(rest[..<colon].lowercased())
        {
            transport = rest[..<colon].lowercased()
            rest = rest[rest.index(after: colon)...]
        }
        var host = rest
        var port = portDefault(transport)
        var hostKind = SocketDefinition.HostKind.name
        if rest.first == "[" {
            guard let close = rest.firstIndex(of: "]") else { throw refuse("the bracket is not closed") }
            host = rest[rest.index(after: rest.startIndex)..<close]
            hostKind = .ipv6
            rest = rest[rest.index(after: close)...]
        } else {
            let end = rest.firstIndex(of: ":") ?? rest.endIndex
            host = rest[..<end]
            rest = rest[end...]
            if host == "*" {
                hostKind = .any
            } else if host.allSatisfy({ $0.isNumber || $0 == "." }) {
                hostKind = .ipv4
            }
        }
        if rest.first == ":" {
            guard let number = UInt16(rest.dropFirst()), number > 0 else {
                throw refuse("'\(rest.dropFirst())' is not a port")
            }
            port = number
        } else if !rest.isEmpty {
            throw refuse("'\(rest)' was not expected")
        }
        guard !host.isEmpty else { throw refuse("the address is missing") }
        return ListenerConfiguration(
            transport: transport, host: String(host), hostKind: hostKind, port: port, options: SocketOptions(),
            location: nil)
    }
}
