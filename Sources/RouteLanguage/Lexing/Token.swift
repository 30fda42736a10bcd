/// A word of the script.
struct Token {
    enum Kind: Equatable {
        /// A letter, then letters, digits and `_`. Reserved words are identifiers too; the parser knows them.
        case identifier(String)
        /// Wrapped to 32 bits. Also yes, no, on, off, true, false, enable, disable.
        case number(Int)
        case null
        /// Escapes resolved.
        case string([UInt8])
        /// An address; `network` when a `/length` or `/mask` followed.
        case address(IPNetwork)
        case network(IPNetwork)
        /// The whole token with its `$`.
        case variable
        /// An operator or a punctuation mark as written.
        case symbol(String)
        case end
    }

    var kind: Kind
    /// In the spliced text.
    var range: Range<Int>
    var location: SourceLocation
    /// Whether white space or a comment stands before it.
    var hasSpaceBefore: Bool
    /// Whether it is the first of its line.
    var startsLine: Bool
    /// For strings: which source byte each byte of the value came from, relative to `range.lowerBound`. nil when the
    /// value is the text between the quotes as it stands.
    var offsets: [Int32]?
}

/// The words that the peer reserves everywhere: none of them can name a route or a function without quotes.
enum ReservedWords {
    static let statements: Set<String> = [
        "if", "else", "while", "for", "in", "switch", "case", "default", "break", "exit", "drop", "return", "assert",
        "log", "error", "xlog", "xdbg", "route", "async", "launch", "and", "or", "not",
    ]
    static let blocks: Set<String> = [
        "route", "onreply_route", "failure_route", "branch_route", "error_route", "local_route", "startup_route",
        "timer_route", "event_route",
    ]
    static let topLevel: Set<String> = [
        "loadmodule", "modparam", "socket", "alias", "auto_scaling_profile", "dst_blacklist", "include_file",
        "import_file",
    ]
    static let options: Set<String> = [
        "use_workers", "use_auto_scaling_profile", "tag", "tos", "anycast", "frag", "reuse_port",
        "accept_subdomain", "allow_proxy_protocol", "send_proxy_protocol", "proxy_protocol", "bond", "any",
        "expire", "sync",
    ]
    static let all: Set<String> =
        statements.union(blocks).union(topLevel).union(options).union(GlobalParameterTable.byName.keys)

    /// Words that are numbers everywhere.
    static let numbers: [String: Int] = [
        "yes": 1, "true": 1, "on": 1, "enable": 1, "no": 0, "false": 0, "off": 0, "disable": 0,
    ]
}
