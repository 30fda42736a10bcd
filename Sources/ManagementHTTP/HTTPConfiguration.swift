package import Reactor

/// The parameters of management over HTTP; the names in brackets are those of the modules `httpd` and `mi_http`.
package struct HTTPConfiguration: Hashable, Sendable {
    /// Where requests come in (`ip`, `port`). The wildcard `::` is every address of the machine, IPv4's too.
    package var address: SocketAddress
    /// The path under which commands are called, without slashes (`root`); `nil`: there is none.
    package var root: String?
    /// How long a connection may be idle; 0 is for ever (`conn_timeout`).
    package var idleSeconds = 30
    /// Who may ask, when not everybody (`auth_username`, `auth_password`, `auth_realm`).
    package var credentials: HTTPCredentials?
    /// Where connections are encrypted, and only such are taken (`tls_cert_file`, `tls_key_file`, `tls_ciphers`).
    package var encryption: HTTPEncryption?
    /// Bytes of a request's body (`post_buf_size`, `receive_buf_size` where they are greater).
    package var bodyBytesMax = Self.bodyBytesMaxDefault
    /// Bytes of all bodies together that are being received or carried out.
    package var bodyBytesTotalMax = 64 << 20
    /// Connections at a time.
    package var connectionsMax = 2048
    /// Requests that are being carried out or wait for it.
    package var requestsMax = 1024
    /// How long a request may take to come in, from its first byte.
    package var requestMilliseconds = 10_000
    /// How long an answer may take to be read by its client.
    package var answerMilliseconds = 30_000
    /// Bytes of all header fields of a request, and how many there may be.
    package static let headerBytesMax = 16_384
    package static let headersMax = 100
    package static let bodyBytesMaxDefault = 1 << 20
    /// The most that `post_buf_size` and `receive_buf_size` can ask for.
    package static let bodyBytesMaxMax = 16 << 20

    package init(address: SocketAddress, root: String? = "mi") {
        self.address = address
        self.root = root
    }
}

/// A name and a password that every request must bring (HTTP Basic, RFC 7617).
package struct HTTPCredentials: Hashable, Sendable {
    package var user: String
    package var password: String
    package var realm: String

    package init(user: String, password: String, realm: String = "OpenSIPS MI") {
        self.user = user
        self.password = password
        self.realm = realm
    }
}
