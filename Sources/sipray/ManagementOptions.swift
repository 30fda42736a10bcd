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
        if insecure, authorities != nil { throw ValidationError("Give --ca or --insecure, not both.") }
    }

    /// Whether the address can be one: for commands that are going to use it.
    func checkAddress() throws {
        do {
            guard try endpoint.isSecure || (authorities == nil && !insecure) else {
                throw ValidationError("--ca and --insecure are for https:// only.")
            }
        } catch let error as ManagementEndpoint.ParseError {
            throw ValidationError(
                error.description + (isNamed ? "" : "\nIt is what SIPRAY_MI says: set it right, or unset it."))
        }
    }

    /// The address is given on the command line.
    private var isNamed: Bool { [management, fifo, udp, socket, http].contains { $0 != nil } }

    /// A client for the endpoint, which waits for nothing any more after Ctrl-C; with https:// it has read what it trusts.
    func client(timeoutMilliseconds: Int = 5000) throws -> ManagementClient {
        let endpoint = try endpoint
        let encryption =
            try endpoint.isSecure
            ? TLSExchange(trusting: insecure ? .anyone : authorities.map { .file($0) } ?? .system) : nil
        var client = ManagementClient(endpoint, timeoutMilliseconds: timeoutMilliseconds, encryption: encryption)
        client.patience = Interruption.Patience.showing
        return client
    }

    var endpoint: ManagementEndpoint {
        get throws(ManagementEndpoint.ParseError) {
            let address =
                management ?? fifo.map { "fifo:" + $0 } ?? udp.map { "udp:" + $0 } ?? socket.map { "unix:" + $0 }
                ?? http.map { $0.hasPrefix("http://") || $0.hasPrefix("https://") ? $0 : "http://" + $0 }
                ?? ManagementOptions.environment ?? "/tmp/opensips_fifo"
            return try ManagementEndpoint.parse(address, replyDirectory: replyDirectory)
        }
    }

    /// What `SIPRAY_MI` says; nothing when it is empty.
    private static var environment: String? {
        getenv("SIPRAY_MI").map { String(cString: $0) }.flatMap { $0.isEmpty ? nil : $0 }
    }

    /// The options by which the operator named the server, for commands that are proposed; empty for the usual place.
    /// Without the password: a word stands for it that the operator replaces.
    var addressing: String {
        let named = [
            ("mi", management.map(Self.withoutPassword)), ("fifo", fifo), ("udp", udp), ("socket", socket),
            ("http", http.map(Self.withoutPassword)), ("ca", authorities),
            ("reply-dir", replyDirectory == Self.usualReplyDirectory ? nil : replyDirectory),
        ]
        return named.compactMap { name, value in value.map { " --\(name) \(Self.quoted($0))" } }.joined()
            + (insecure ? " --insecure" : "")
    }

    /// `https://USER:PASSWORD@host` for `https://admin:secret@host`.
    private static func withoutPassword(_ address: String) -> String {
        let isURL = address.hasPrefix("http://") || address.hasPrefix("https://")
        guard isURL || !address.contains("://"), !address.hasPrefix("fifo:"), !address.hasPrefix("unix:"),
            !address.hasPrefix("/")
        else { return address }
        let start = address.firstRange(of: "://").map(\.upperBound) ?? address.startIndex
        let end = address[start...].firstIndex(of: "/") ?? address.endIndex
        guard let sign = address[start..<end].lastIndex(of: "@") else { return address }
        return address[..<start] + "USER:PASSWORD" + address[sign...]
    }

    /// A word of a command line.
    private static func quoted(_ word: String) -> String {
        if word.allSatisfy({ $0.isLetter || $0.isNumber || "/:._-[]".contains($0) }) { return word }
        return "'" + word.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
    }
}
