import Bytes
import Profiling
import RouteLanguage

/// A program whose pools were bound: names to functions, variables to definitions, patterns compiled.
final class BoundProgram: Sendable {
    let program: Program
    let strings: [ByteString]
    let formats: [BoundFormat]
    let variables: [BoundVariable]
    let patterns: [RegularExpression]
    let networks: [BoundNetwork]
    let calls: [BoundCall]
    let routeCalls: [BoundRouteCall]
    let asyncTimeouts: [BoundArgument?]
    /// Of the resumes of `async` and `launch` statements, by their index.
    let asyncSites: [Site]
    let launchSites: [Site]
    let routes: [BoundRoute]
    let switches: [BoundSwitch]
    /// Names of `$var`s to slots.
    let slots: [ByteString: Int]

    init(
        program: Program, strings: [ByteString], formats: [BoundFormat], variables: [BoundVariable],
        patterns: [RegularExpression], calls: [BoundCall], routeCalls: [BoundRouteCall],
        asyncTimeouts: [BoundArgument?], asyncSites: [Site], launchSites: [Site], routes: [BoundRoute],
        switches: [BoundSwitch], slots: [ByteString: Int]
    ) {
        self.program = program
        self.strings = strings
        self.formats = formats
        self.variables = variables
        self.patterns = patterns
        networks = program.networks.map { BoundNetwork($0) }
        self.calls = calls
        self.routeCalls = routeCalls
        self.asyncTimeouts = asyncTimeouts
        self.asyncSites = asyncSites
        self.launchSites = launchSites
        self.routes = routes
        self.switches = switches
        self.slots = slots
    }
}

/// A route with its names and sites.
struct BoundRoute: Sendable {
    let compiled: CompiledRoute
    /// `<root>`, `relay`
    let displayName: String
    /// `route`, `route[relay]`, `onreply_route[x]`
    let fullName: ByteString
    /// By kind of top route, in the order of the kinds' bits: a plain route can resume what any kind began.
    private let startSites: [Site]
    let enterSite: Site

    init(compiled: CompiledRoute, fullName: ByteString, startSites: [Site], enterSite: Site) {
        self.compiled = compiled
        displayName = compiled.displayName
        self.fullName = fullName
        self.startSites = startSites
        self.enterSite = enterSite
    }

    func startSite(_ kind: RouteKind) -> Site { startSites[kind.rawValue.trailingZeroBitCount] }
}

/// A `switch` with its constants as values.
struct BoundSwitch: Sendable {
    enum Constant: Sendable {
        case number(Int)
        case text(ByteString)
        case null
    }

    let subject: BoundVariable
    let entries: [(constant: Constant, target: Int)]
    let defaultTarget: Int
}
