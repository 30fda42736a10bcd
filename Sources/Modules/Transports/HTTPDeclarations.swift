package import RouteLanguage

extension ModuleDeclaration {
    /// `httpd`: an HTTP server.
    package static let httpd = ModuleDeclaration(
        "httpd",
        parameters: [
            .string("ip", "127.0.0.1"),
            .integer("port", 8888),
            .integer("conn_timeout", 30),
            .integer("buf_size", 0),
            .integer("post_buf_size", 1024),
            .integer("receive_buf_size", 1024),
            .string("auth_realm", "OpenSIPS MI"),
            .string("auth_username", ""),
            .string("auth_password", ""),
        ]
            + ["tls_cert_file", "tls_key_file", "tls_ciphers"].map {
                ModuleParameterDeclaration(
                    $0, .string,
                    availability: .missing("management over HTTP has no TLS; keep it on loopback or behind a proxy"))
            })

    /// `mi_http`: management commands over `httpd`.
    package static let miHTTP = ModuleDeclaration("mi_http", parameters: [.string("root", "mi")] + missingTraces)
}
