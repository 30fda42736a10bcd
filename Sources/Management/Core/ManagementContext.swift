import JSONRPC
package import Profiling
package import Reactor

/// What the core commands look at and act on.
package struct ManagementContext: Sendable {
    package var processes: ProcessTable
    package var profiler: Profiler
    package var statistics: Statistics
    package var logLevels: LogLevels
    /// `SIPRay (0.1.0 (x86_64/linux))`
    package var serverName: String
    /// The command line that started the server, the program first.
    package var arguments: [String]
    /// Seconds since 1970 at which the server started.
    package var startedAt: Int
    /// Ends the server; called after `kill` was answered. Must return at once.
    package var terminate: @Sendable () -> Void

    package init(
        processes: ProcessTable, profiler: Profiler, statistics: Statistics, logLevels: LogLevels, serverName: String,
        arguments: [String], startedAt: Int, terminate: @escaping @Sendable () -> Void
    ) {
        self.processes = processes
        self.profiler = profiler
        self.statistics = statistics
        self.logLevels = logLevels
        self.serverName = serverName
        self.arguments = arguments
        self.startedAt = startedAt
        self.terminate = terminate
    }
}

/// The management commands that every server has.
package enum CoreCommands {
    /// Registers `core:*` and `statistics:*`.
    package static func register(in registry: inout CommandRegistry, _ context: ManagementContext) {
        registerServer(in: &registry, context)
        registerProfiling(in: &registry, context)
        registerLogging(in: &registry, context)
        registerStatistics(in: &registry, context.statistics)
    }
}

extension ReactorProcess {
    /// The members by which every listing of processes begins.
    var listing: JSONObject { ["ID": .integer(id), "PID": .integer(pid)] }
}
