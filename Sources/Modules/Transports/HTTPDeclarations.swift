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
            .string("tls_cert_file", ""),
            .string("tls_key_file", ""),
            .string("tls_ciphers", ""),
        ])

    /// `mi_http`: management commands over `httpd`.
    package static let miHTTP = ModuleDeclaration("mi_http", parameters: [.string("root", "mi")] + missingTraces)
}
