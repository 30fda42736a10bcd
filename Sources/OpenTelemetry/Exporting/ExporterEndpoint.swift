/// The address of a collector, from a URL.
package struct ExporterEndpoint: Sendable, Hashable, CustomStringConvertible {
    package var isSecure: Bool
    /// A name or a literal address, IPv6 without brackets.
    package var host: String
    package var port: Int
    /// With its leading slash, query included; gRPC doesn't use it.
    package var path: String

    package init(isSecure: Bool = false, host: String, port: Int, path: String) {
        self.isSecure = isSecure
        self.host = host
        self.port = port
        self.path = path
    }

    package static let tracesPath = "/v1/traces"
    /// What the specification says when nobody says anything.
    package static let defaultHTTP = ExporterEndpoint(host: "localhost", port: 4318, path: tracesPath)
    package static let defaultGRPC = ExporterEndpoint(host: "localhost", port: 4317, path: "")

    /// Reads `http://host[:port][/path]` or `https://…`.
    ///
    /// - Parameters:
    ///   - schemeless: For gRPC, where `host:port` alone is allowed: whether such a one is secure. Nil: a scheme is needed.
    ///   - defaultPort: Where the URL has none; nil is the scheme's.
    /// - Returns: nil for text that is no such URL, or carries a user, which belongs into a header.
    package init?(_ text: String, schemeless: Bool? = nil, defaultPort: Int? = nil) {
        var rest = Substring(text)
        if let range = rest.range(of: "://") {
            switch rest[..<range.lowerBound].lowercased() {
            case "http": isSecure = false
            case "https": isSecure = true
            default: return nil
            }
            rest = rest[range.upperBound...]
        } else if let schemeless {
            isSecure = schemeless
        } else {
            return nil
        }
        guard !rest.contains(where: { $0.isWhitespace || !$0.isASCII || $0 == "#" }) else { return nil }
        let end = rest.firstIndex { $0 == "/" || $0 == "?" } ?? rest.endIndex
        let authority = rest[..<end]
        path = String(rest[end...])
        guard let (host, port) = Self.hostAndPort(authority) else { return nil }
        self.host = host
        self.port = port ?? defaultPort ?? (isSecure ? 443 : 80)
    }

    private static func hostAndPort(_ authority: Substring) -> (String, Int?)? {
        guard !authority.contains("@") else { return nil }
        var host = authority
        var port: Substring?
        if authority.first == "[" {
            guard let close = authority.firstIndex(of: "]") else { return nil }
            host = authority[authority.index(after: authority.startIndex)..<close]
            let after = authority[authority.index(after: close)...]
            guard after.isEmpty || after.first == ":" else { return nil }
            if !after.isEmpty { port = after.dropFirst() }
        } else if let colon = authority.firstIndex(of: ":") {
            host = authority[..<colon]
            port = authority[authority.index(after: colon)...]
        }
        guard !host.isEmpty else { return nil }
        guard let port else { return (String(host), nil) }
        guard port.allSatisfy(\.isNumber), let number = Int(port), (1...65535).contains(number) else { return nil }
        return (String(host), number)
    }

    /// The base URL of all signals with the path of traces behind it (`OTEL_EXPORTER_OTLP_ENDPOINT`).
    package func appendingTracesPath() -> ExporterEndpoint {
        var copy = self
        copy.path = (path.hasSuffix("/") ? String(path.dropLast()) : path) + Self.tracesPath
        return copy
    }

    package var isIPv4: Bool {
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts.allSatisfy { UInt8($0) != nil }
    }
    package var isIPv6: Bool { host.contains(":") }

    package var description: String {
        "\(isSecure ? "https" : "http")://\(isIPv6 ? "[\(host)]" : host):\(port)\(path)"
    }
}

extension Substring {
    fileprivate func range(of text: String) -> Range<Index>? { firstRange(of: text) }
}
