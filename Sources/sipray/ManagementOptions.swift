import ArgumentParser
import Glibc
import Management
import ManagementHTTP

/// Where the server's management interface is: for every command that talks to a running server.
struct ManagementOptions: ParsableArguments {
    @Option(
        name: .customLong("mi"),
        help: ArgumentHelp(
            """
            The management interface: fifo:PATH, udp:HOST:PORT, unix:PATH, http://HOST:PORT/mi, https://HOST:PORT/mi \
            or the path of a FIFO. \
            Default: what SIPRAY_MI says, else /tmp/opensips_fifo.
            """, valueName: "address"))
    var management: String?

    @Option(help: ArgumentHelp("As --mi fifo:PATH.", valueName: "path"))
    var fifo: String?

    @Option(help: ArgumentHelp("As --mi udp:HOST:PORT.", valueName: "host:port"))
    var udp: String?

    @Option(
        name: [.customLong("socket"), .customLong("unix")], help: ArgumentHelp("As --mi unix:PATH.", valueName: "path"))
    var socket: String?

    @Option(help: ArgumentHelp("As --mi http://HOST:PORT/mi.", valueName: "host:port"))
    var http: String?

    @Option(
        name: .customLong("ca"),
        help: ArgumentHelp(
            "With https://: trust the certificates in this file (PEM), and what they vouch for, not the system's.",
            valueName: "file"))
    var authorities: String?

    @Flag(help: "With https://: take any certificate. Whoever is in between can read and change everything.")
    var insecure = false

    @Option(
        name: .customLong("reply-dir"),
        help: ArgumentHelp("Where the FIFO's replies go: the server's reply_dir.", valueName: "directory"))
    var replyDirectory: String = usualReplyDirectory
    private static let usualReplyDirectory = "/tmp"

    func validate() throws {
        let given = [management, fifo, udp, socket, http].compactMap { $0 }
        guard given.count <= 1 else {
            throw ValidationError("Give one of --mi, --fifo, --udp, --socket and --http, not \(given.count).")
        }
        do {
            guard try endpoint.isSecure || (authorities == nil && !insecure) else {
                throw ValidationError("--ca and --insecure are for https:// only.")
            }
        } catch let error as ManagementEndpoint.ParseError {
            throw ValidationError(error.description)
        }
        if insecure, authorities != nil { throw ValidationError("Give --ca or --insecure, not both.") }
    }

    /// A client for the endpoint; with https:// it has read what it trusts.
    func client(timeoutMilliseconds: Int = 5000) throws -> ManagementClient {
        let endpoint = try endpoint
        let encryption =
            try endpoint.isSecure
            ? TLSExchange(trusting: insecure ? .anyone : authorities.map { .file($0) } ?? .system) : nil
        return ManagementClient(endpoint, timeoutMilliseconds: timeoutMilliseconds, encryption: encryption)
    }

    var endpoint: ManagementEndpoint {
        get throws(ManagementEndpoint.ParseError) {
            let address =
                management ?? fifo.map { "fifo:" + $0 } ?? udp.map { "udp:" + $0 } ?? socket.map { "unix:" + $0 }
                ?? http.map { $0.hasPrefix("http://") || $0.hasPrefix("https://") ? $0 : "http://" + $0 }
                ?? getenv("SIPRAY_MI").map { String(cString: $0) } ?? "/tmp/opensips_fifo"
            return try ManagementEndpoint.parse(address, replyDirectory: replyDirectory)
        }
    }

    /// The options by which the operator named the server, for commands that are proposed; empty for the usual place.
    var addressing: String {
        let named = [
            ("mi", management), ("fifo", fifo), ("udp", udp), ("socket", socket), ("http", http), ("ca", authorities),
            ("reply-dir", replyDirectory == Self.usualReplyDirectory ? nil : replyDirectory),
        ]
        return named.compactMap { name, value in value.map { " --\(name) \(Self.quoted($0))" } }.joined()
            + (insecure ? " --insecure" : "")
    }

    /// A word of a command line.
    private static func quoted(_ word: String) -> String {
        if word.allSatisfy({ $0.isLetter || $0.isNumber || "/:._-[]".contains($0) }) { return word }
        return "'" + word.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
    }
}
