package import Location
package import Reactor
package import RouteRuntime

/// What a module is given when it is bound: the server's parts that it may use, and places to leave what it offers.
///
/// Made once by the Server (or a test), used on the thread that puts the server together. What modules keep of it lives as
/// long as the server.
package final class ModuleEnvironment {
    package let parameters: ModuleParameters
    package let addresses: LocalAddresses
    package let flags: FlagNames
    package let location: LocationStore
    package let statistics: Statistics
    package let replies = Replies()
    package let inDialog = InDialogObservers()
    /// The stack's side of the script, for modules that send and follow messages.
    package let host: ScriptHost
    /// `dialog`, when the script loads it: for its management commands and for topology hiding.
    package internal(set) var dialogs: DialogModule?
    /// Seconds since 1970.
    package let now: @Sendable () -> Int
    /// A line for the log, at the server's level.
    package let log: @Sendable (ScriptLogLevel, String) -> Void
    /// A line that stands in the log as it is, such as an accounting record; at the server's level too.
    package let print: @Sendable (ScriptLogLevel, String) -> Void
    package let events: EventOutlet
    /// `cfgutils`, when the script loads it: for its management commands.
    package internal(set) var cfgutils: CfgUtilsModule?
    /// `cachedb_local`, when the script loads it: the store of the core's functions.
    package internal(set) var localCache: LocalCache?
    /// `uac_auth`, when the script loads it: credentials for those who answer challenges.
    package internal(set) var uacAuth: UACAuthModule?
    /// The client domains of `tls_mgm`, for modules that speak TLS.
    package internal(set) var tlsClientDomains: [TLSClientDomain] = []
    /// The B2B modules, when the script loads them: for their management commands.
    package var b2b: B2BManagement?
    /// Work that a module wants done again and again, by the timer process.
    package private(set) var periodicJobs: [PeriodicJob] = []

    /// - Parameter host: nil where nothing is sent: a script that is only checked.
    package init(
        parameters: ModuleParameters, addresses: LocalAddresses, flags: FlagNames, location: LocationStore,
        statistics: Statistics, host: ScriptHost? = nil, events: EventOutlet = .none,
        now: @escaping @Sendable () -> Int,
        log: @escaping @Sendable (ScriptLogLevel, String) -> Void,
        print: (@Sendable (ScriptLogLevel, String) -> Void)? = nil
    ) {
        self.parameters = parameters
        self.addresses = addresses
        self.flags = flags
        self.host = host ?? ScriptHost(scriptSockets: [], flags: flags)
        self.location = location
        self.statistics = statistics
        self.events = events
        self.now = now
        self.log = log
        self.print = print ?? log
    }

    /// What modules begin when the server does.
    private var startJobs: [() -> Void] = []
    /// What modules end when the server does.
    private var stopJobs: [() -> Void] = []

    /// The credentials of `uac_auth`, for a module that requires it: made when the first asks.
    func credentials() throws(ModuleError) -> UACAuthModule {
        if let uacAuth { return uacAuth }
        let made = try UACAuthModule(self)
        uacAuth = made
        return made
    }

    /// Asks for `body` to be called once, before any process serves, on the thread that owns the server; never while a script
    /// is only checked.
    package func atStart(_ body: @escaping () -> Void) { startJobs.append(body) }

    /// Begins what modules need before there is traffic.
    package func start() {
        let jobs = startJobs
        startJobs = []
        for job in jobs { job() }
    }

    /// Asks for `body` to be called once, when all processes have ended, on the thread that owns the server.
    package func atStop(_ body: @escaping () -> Void) { stopJobs.append(body) }

    /// Ends what modules have under way. After the processes have ended.
    package func stop() {
        let jobs = stopJobs
        stopJobs = []
        for job in jobs { job() }
    }

    /// Asks for `body` to be called every `milliseconds` on the timer process. `name` is the timer job's name in records.
    package func every(milliseconds: Int, _ name: String, _ body: @escaping @Sendable () -> Void) {
        periodicJobs.append(PeriodicJob(name: name, milliseconds: milliseconds, body: body))
    }
}

/// Work of a module that the timer process repeats.
package struct PeriodicJob: Sendable {
    package let name: String
    package let milliseconds: Int
    package let body: @Sendable () -> Void
}

/// Where modules raise events, and whether anybody listens.
package struct EventOutlet: Sendable {
    /// Any thread; must be cheap: it is asked before an event is put together.
    package let isWanted: @Sendable (StaticString) -> Bool
    /// Any thread. Hands the event over and returns.
    package let raise: @Sendable (StaticString, [(name: String, value: Value)]) -> Void

    package init(
        isWanted: @escaping @Sendable (StaticString) -> Bool,
        raise: @escaping @Sendable (StaticString, [(name: String, value: Value)]) -> Void
    ) {
        self.isWanted = isWanted
        self.raise = raise
    }

    /// Nobody listens.
    package static let none = EventOutlet(isWanted: { _ in false }, raise: { _, _ in })
}
