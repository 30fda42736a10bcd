/// The place in code or script that a record is about, as 32 bits: its number in the `SiteTable` and the bit by
/// which it is wanted, so that a probe that is not wanted needs no table.
///
/// ```
///  31      24 23  20 19                 0
/// ┌──────────┬──────┬────────────────────┐
/// │ interest │  0   │ number             │
/// └──────────┴──────┴────────────────────┘
/// ```
public struct Site: BitwiseCopyable, Hashable, Sendable {
    /// The packed bits; meaningful in the running program only.
    public let raw: UInt32

    /// A site that is never wanted: probes with it do nothing.
    public static let silent = Site(number: 0, interest: [])

    /// Registers a site in the program's shared table: for `static let` constants.
    ///
    /// Takes a lock and may allocate: before traffic starts, not in a hot path.
    public init(
        _ name: String, file: String? = nil, line: Int = 0, exitName: String? = nil, exitLine: Int? = nil,
        type: Int = 0, interest: Interest = .sip
    ) {
        self = SiteTable.shared.register(
            SiteDescription(
                name: name, file: file, line: line, exitName: exitName, exitLine: exitLine, type: type,
                interest: interest))
    }

    init(number: UInt32, interest: Interest) {
        raw = number & Site.numberMask | UInt32(interest.rawValue) << 24
    }

    /// The bits by which the site is wanted.
    @inlinable public var interest: Interest { Interest(rawValue: UInt8(truncatingIfNeeded: raw &>> 24)) }

    var number: UInt32 { raw & Site.numberMask }

    static let numberMask: UInt32 = 0xF_FFFF
}

/// What a site is called and where it is. Known before traffic starts.
public struct SiteDescription: Hashable, Sendable {
    /// What is done there: `receive_msg`.
    public var name: String
    /// The script's file, or the function in code.
    public var file: String?
    /// The line in `file`; 0 where there is none.
    public var line: Int
    /// The name that the `exit` record bears, where it differs.
    public var exitName: String?
    /// The line that the `exit` record bears, where it differs.
    public var exitLine: Int?
    /// The type that a script session begun here has on the wire (1 request, 2 failure, …). Process records have
    /// their process's type instead.
    public var type: Int
    /// The producer that speaks here: exactly one bit.
    public var interest: Interest

    /// Describes a site.
    public init(
        name: String, file: String? = nil, line: Int = 0, exitName: String? = nil, exitLine: Int? = nil,
        type: Int = 0, interest: Interest = .sip
    ) {
        self.name = name
        self.file = file
        self.line = line
        self.exitName = exitName
        self.exitLine = exitLine
        self.type = type
        self.interest = interest
    }
}
