import Bytes
package import JSONRPC

/// Why a management call brought no result. Each says what to do next, in words that do nothing to a terminal.
package enum ManagementClientError: Error, Hashable, Sendable {
    /// Nothing is at the address.
    case notFound(ManagementEndpoint)
    /// The FIFO or socket is there but nobody serves it.
    case nobodyListens(ManagementEndpoint)
    case noPermission(path: String)
    /// A reply FIFO can't be made.
    case replyDirectory(path: String, reason: String)
    case noAnswer(ManagementEndpoint, milliseconds: Int)
    case requestTooLong(bytes: Int, bytesMax: Int)
    case badReply(String)
    /// The certificate of the server is not one to trust.
    case untrusted(ManagementEndpoint, reason: String)
    /// TLS could not be set up for another reason.
    case noTLS(ManagementEndpoint, reason: String)
    /// The file of `--ca`.
    case authorities(file: String, reason: String)
    case system(call: String, reason: String)
    /// The server answered with an error.
    case refused(RPCError)
}

extension ManagementClientError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .notFound(.udp(let host, let port)): "no address is known for \(host) (port \(port)): check the host name"
        case .notFound(.http(let location)): "no address is known for \(location.host): check the host name"
        case .notFound(let endpoint):
            "\(endpoint) does not exist: is the server running, and is this the path in its script?"
        case .nobodyListens(let endpoint):
            "nobody serves \(endpoint): the server is not running, or its script has another address"
        case .noPermission(let path):
            "no permission for \(path): run as a user or group that the server's script allows"
        case .replyDirectory(let path, let reason):
            "can't make a reply FIFO in \(path): \(reason); name the server's reply_dir with --reply-dir"
        case .noAnswer(let endpoint, let milliseconds):
            "no answer from \(endpoint) within \(milliseconds) ms"
        case .requestTooLong(let bytes, let bytesMax):
            "the request has \(bytes) bytes, \(bytesMax) is the most for this transport: use the FIFO"
        case .badReply(let what): "the server's answer can't be understood: \(TerminalText.safe(what))"
        case .untrusted(let endpoint, let reason): "\(endpoint) is not to be trusted: \(reason)"
        case .noTLS(let endpoint, let reason): "no TLS with \(endpoint): \(reason)"
        case .authorities(let file, let reason): "'\(file)' has no certificates in PEM: \(reason)"
        case .system(let call, let reason): "\(call) failed: \(reason)"
        case .refused(let error): TerminalText.safe(error.description)
        }
    }
}
