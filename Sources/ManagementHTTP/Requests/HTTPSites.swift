import Profiling

/// The places of level 2 records, with the peer's file and lines. The peer leaves out the command's name.
enum HTTPSites {
    /// What is no call of one command: another path, another method, a batch, no JSON-RPC, a command that is not there.
    static let request = site("HTTPD_CB")

    /// Only for names by which a command was found, so that clients can't fill the table.
    static func command(_ name: String) -> Site { site("HTTPD_CB \(name)") }

    private static func site(_ name: String) -> Site {
        Site(name, file: "answer_to_connection", line: 592, exitLine: 599, interest: .extra)
    }
}
