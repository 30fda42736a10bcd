/// Where commands are called over HTTP: what stands after `http://` or `https://`, as
/// `[USER:PASSWORD@]HOST[:PORT][/PATH]`.
package struct HTTPLocation: Hashable, Sendable, CustomStringConvertible {
    /// Over TLS.
    package let isSecure: Bool
    package let host: String
    package let port: UInt16
    /// With the slash in front.
    package let path: String
    /// `USER:PASSWORD`, for HTTP Basic authentication.
    package let credentials: String?

    /// The port and the path of the peer's `httpd` and `mi_http`.
    static let portDefault: UInt16 = 8888
    static let pathDefault = "/mi"

    init?(_ text: String, isSecure: Bool = false) {
        self.isSecure = isSecure
        guard text.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7F }) else { return nil }
        let slash = text.firstIndex(of: "/") ?? text.endIndex
        var authority = text[..<slash]
        let path = String(text[slash...])
        self.path = path.isEmpty || path == "/" ? Self.pathDefault : path
        if let sign = authority.lastIndex(of: "@") {
            credentials = String(authority[..<sign])
            authority = authority[authority.index(after: sign)...]
        } else {
            credentials = nil
        }
        var host = authority
        // A colon inside brackets belongs to an IPv6 address.
        if let colon = authority.lastIndex(of: ":"), authority.lastIndex(of: "]").map({ $0 < colon }) ?? true {
            guard let port = UInt16(authority[authority.index(after: colon)...]), port > 0 else { return nil }
            self.port = port
            host = authority[..<colon]
        } else {
            port = Self.portDefault
        }
        if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
        guard !host.isEmpty else { return nil }
        self.host = String(host)
    }

    /// `HOST:PORT` as the Host header has it.
    var authority: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }

    /// Without the password.
    package var description: String { "\(isSecure ? "https" : "http")://\(authority)\(path)" }
}
