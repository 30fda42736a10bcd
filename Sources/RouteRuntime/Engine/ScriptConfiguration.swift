package import Bytes
package import Logging
package import Reactor

/// What the interpreter is told by global parameters and by the server. Fixed at start.
package struct ScriptConfiguration: Sendable {
    /// `log_level` and `xlog_level`, which management and scripts change while the server runs.
    package var levels = LogLevels(level: 2)
    /// `xlog_print_level`: the level of an `xlog` that names none.
    package var xlogPrintLevel = 2
    /// `max_while_loops`
    package var whileLoopsMax = 10_000
    /// `enable_asserts`
    package var assertsEnabled = false
    /// `exec_msg_threshold` in microseconds; 0 is off.
    package var execThresholdMicroseconds = 0
    /// Instructions of one run of a top route; beyond, the script is stopped with an error.
    package var stepsMax = 10_000_000
    /// Depth of nested `route()` calls.
    package var routeDepthMax = 100
    /// Bytes of one value that a script makes.
    package var textBytesMax = 65_536
    /// Runs of one process that may wait at a time; beyond, a function that wants to wait fails.
    package var waitingRunsMax = 10_000
    /// `-o name=value` of the command line: `$argv(name)`.
    package var arguments: [String: String] = [:]
    /// When the server started, in seconds of the epoch: `$TS`.
    package var startSeconds = 0

    /// Whether messages are noted whole for those who want annotations.
    package var notesRawMessages = false
    /// Whether `traceparent` headers are noted.
    package var notesTraceParents = false
    /// `$var`s that every run begins with, instead of NULL (`varset` of cfgutils).
    package var presetVariables: [(name: ByteString, value: Value)] = []

    /// Where lines about the script go. They arrive already filtered.
    package var log: @Sendable (ScriptLogLevel, String) -> Void
    /// Where the script's own lines go (`xlog`, `xdbg`, `log`, traces), already filtered.
    package var output: @Sendable (ScriptLogLevel, String) -> Void
    /// Called before the function of an `async` statement: makes the transaction. What it gives, if anything, is done
    /// instead of the statement.
    package var beforeAsync: (@Sendable (ScriptRun) -> Outcome?)?
    /// An `assert` failed and `abort_on_assert` is set: the server is to stop.
    package var abort: (@Sendable () -> Void)?
    /// A run took longer than `execThresholdMicroseconds`.
    package var onThreshold: (@Sendable (ThresholdReport) -> Void)?

    package init(log: @escaping @Sendable (ScriptLogLevel, String) -> Void) {
        self.log = log
        self.output = log
    }

    /// The lines go to a logger at their level. The logger must let all levels pass; filtering is done here.
    package init(logger: Logger) {
        self.init { level, text in
            logger.log(level: level.loggerLevel, "\(text)")
        }
    }
}
