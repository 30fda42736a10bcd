import Bytes
import ManagementHTTP
import Modules
import Reactor
import RouteLanguage

extension ManagementPlan {
    /// What the script says about management over HTTP; nil when it does not load `httpd`.
    static func http(
        _ script: Script, _ parameters: ModuleParameters
    ) throws(ConfigurationError) -> HTTPConfiguration? {
        guard script.isLoaded("httpd") else {
            guard script.isLoaded("mi_http") else { return nil }
            throw error(
                "mi_http needs httpd", script, "mi_http", "root", hint: "add loadmodule \"httpd.so\" in front of it")
        }
        var configuration = HTTPConfiguration(
            address: try httpAddress(script, parameters),
            root: script.isLoaded("mi_http") ? root(parameters) : nil)
        configuration.idleSeconds = parameters.integer("httpd", "conn_timeout") ?? configuration.idleSeconds
        guard configuration.idleSeconds >= 0 else {
            throw error("conn_timeout is negative", script, "httpd", "conn_timeout", hint: "0 is for ever")
        }
        let buffers = ["post_buf_size", "receive_buf_size"].compactMap { parameters.integer("httpd", $0) }
        configuration.bodyBytesMax = min(
            buffers.reduce(HTTPConfiguration.bodyBytesMaxDefault, max), HTTPConfiguration.bodyBytesMaxMax)
        configuration.credentials = credentials(parameters)
        configuration.encryption = try encryption(script, parameters)
        return configuration
    }

    /// Without slashes around it.
    private static func root(_ parameters: ModuleParameters) -> String {
        var root = (parameters.text("mi_http", "root")?.string ?? "mi")[...]
        while root.hasPrefix("/") { root = root.dropFirst() }
        while root.hasSuffix("/") { root = root.dropLast() }
        return String(root)
    }

    private static func httpAddress(
        _ script: Script, _ parameters: ModuleParameters
    ) throws(ConfigurationError) -> SocketAddress {
        let port = parameters.integer("httpd", "port") ?? 8888
        guard let number = UInt16(exactly: port), number >= 1024 else {
            throw error("port is \(port); 1024 to 65535 are possible", script, "httpd", "port")
        }
        let ip = parameters.text("httpd", "ip")?.string ?? "127.0.0.1"
        let host = ip == "*" ? "::" : ip
        guard let address = SocketAddress(host.contains(":") ? "[\(host)]:\(number)" : "\(host):\(number)") else {
            throw error("ip is '\(ip)', which is no address", script, "httpd", "ip", hint: "write 127.0.0.1, ::1 or *")
        }
        return address
    }

    /// Both files or none.
    private static func encryption(
        _ script: Script, _ parameters: ModuleParameters
    ) throws(ConfigurationError) -> HTTPEncryption? {
        func text(_ name: String) -> String { parameters.text("httpd", name)?.string ?? "" }
        let (certificate, key, ciphers) = (text("tls_cert_file"), text("tls_key_file"), text("tls_ciphers"))
        guard !certificate.isEmpty || !key.isEmpty else { return nil }
        guard !certificate.isEmpty, !key.isEmpty else {
            let (set, wanted) =
                certificate.isEmpty ? ("tls_key_file", "tls_cert_file") : ("tls_cert_file", "tls_key_file")
            throw error("\(set) needs \(wanted)", script, "httpd", set, hint: "set both for TLS, or none")
        }
        return HTTPEncryption(
            certificateFile: certificate, keyFile: key,
            ciphers: ciphers.isEmpty || ciphers == Self.peersCiphersDefault ? nil : ciphers)
    }

    /// What the peer documents as the default of `tls_ciphers`, in words of another library: TLS 1.2 with strong ciphers.
    private static let peersCiphersDefault = "SECURE256:+SECURE192:-VERS-ALL:+VERS-TLS1.2"

    /// Both must be set, else everybody may ask.
    private static func credentials(_ parameters: ModuleParameters) -> HTTPCredentials? {
        let user = parameters.text("httpd", "auth_username")?.string ?? ""
        let password = parameters.text("httpd", "auth_password")?.string ?? ""
        guard !user.isEmpty, !password.isEmpty else { return nil }
        return HTTPCredentials(
            user: user, password: password, realm: parameters.text("httpd", "auth_realm")?.string ?? "OpenSIPS MI")
    }
}
