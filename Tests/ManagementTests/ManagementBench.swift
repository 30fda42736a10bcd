import JSONRPC
import Logging
import Management
import Profiling
import Reactor
import Synchronization
import Testing

/// Processes as the peer's capture has them, running, with the core commands.
final class ManagementBench: Sendable {
    static let descriptions = [
        "attendant", "HTTPD 127.0.0.1:8888", "MI Datagram", "MI FIFO", "time_keeper", "timer",
        "SIP receiver udp:127.0.0.1:5060", "Timer handler",
    ]

    let profiler = Profiler()
    let statistics = Statistics()
    let processes: ProcessTable
    let logLevels = LogLevels(level: 2)
    let dispatcher: CommandDispatcher
    let terminated: Flag
    let logger: Logger

    final class Flag: Sendable { let value = Atomic<Int>(0) }

    /// Makes the processes; those served by `prepare` are set up by it before they run.
    init(
        prepare: (ManagementBench) throws -> Void = { _ in },
        commands: (inout CommandRegistry) -> Void = { _ in }
    ) throws {
        processes = ProcessTable(profiler: profiler, statistics: statistics)
        for description in Self.descriptions { _ = try processes.make(description: description, kind: .other) }
        let terminated = Flag()
        self.terminated = terminated
        var registry = CommandRegistry()
        CoreCommands.register(
            in: &registry,
            ManagementContext(
                processes: processes, profiler: profiler, statistics: statistics, logLevels: logLevels,
                serverName: "SIPRay (0.1.0 (x86_64/linux))", arguments: ["sipray", "serve", "x.cfg"], startedAt: 1000,
                terminate: { terminated.value.add(1, ordering: .relaxed) }))
        commands(&registry)
        dispatcher = CommandDispatcher(registry: registry)
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        self.logger = logger
        try prepare(self)
        for process in processes.all { try process.spawn(threadName: "test") }
    }

    deinit { processes.stopAll() }

    func pid(_ id: Int) -> Int { processes.all[id].pid }

    /// The reply without the frame around it: `"result":…` or `"error":…`.
    func reply(_ method: String, _ parameters: String = "") -> String? {
        let rest = parameters.isEmpty ? "" : #","params":\#(parameters)"#
        return replyText(dispatcher, #"{"jsonrpc":"2.0","id":1,"method":"\#(method)"\#(rest)}"#).map {
            String($0.dropFirst(#"{"jsonrpc":"2.0","#.count).dropLast(#","id":1}"#.count))
        }
    }

    /// The listing of `core:profiling_proc` with the given levels.
    func listing(_ levels: [Int]) -> String {
        let entries = levels.enumerated().map { entry($0.offset, $0.element) }
        return #""result":{"Processes":[\#(entries.joined(separator: ","))]}"#
    }

    func entry(_ id: Int, _ level: Int) -> String {
        #"{"ID":\#(id),"PID":\#(pid(id)),"Profiling level":\#(level),"Type":"\#(Self.descriptions[id])"}"#
    }
}

/// Waits until something holds; `false` when it does not in time.
func eventually(withinMilliseconds timeout: Int = 5000, _ condition: () -> Bool) -> Bool {
    for _ in 0..<timeout {
        if condition() { return true }
        pause(milliseconds: 1)
    }
    return condition()
}
