package import Reactor
package import RouteRuntime
import Synchronization

/// Where log lines go and how they look: outputs, filters, formats. Levels are `LogLevels`. Any thread.
package final class LogSettings: Sendable {
    /// An output of log lines, by the name that management knows.
    package enum Output: String, CaseIterable, Sendable {
        case stderror, syslog, event
    }

    /// How a line is written to an output.
    package enum Format: String, Sendable {
        case plainText = "plain_text"
        case json
        case jsonCEE = "json_cee"
    }

    /// What is fixed at start.
    package struct Fixed: Sendable {
        package var prefix = ""
        package var stderrorFormat = Format.plainText
        package var syslogFormat = Format.plainText
        package var syslogFacility: Int32 = 3 << 3
        package var syslogName = "sipray"
        package init() {}
    }

    private struct OutputState {
        var isMuted: Bool
        var filter: ScriptLogLevel?
    }

    package let fixed: Fixed
    package let levels: LogLevels
    /// Lines as events of spans.
    package let spans = SpanLog()
    let errorLines = LogLines { LogDescriptor.standardError.write($0) }
    let syslogLines: LogLines
    private let outputs: Mutex<[Output: OutputState]>

    package init(
        levels: LogLevels, enabled: Set<Output>, filters: [Output: ScriptLogLevel] = [:], fixed: Fixed = Fixed()
    ) {
        self.levels = levels
        self.fixed = fixed
        let syslog = SyslogSocket()
        syslogLines = LogLines { syslog.send($0) }
        var states: [Output: OutputState] = [:]
        for output in Output.allCases {
            states[output] = OutputState(isMuted: !enabled.contains(output), filter: filters[output])
        }
        outputs = Mutex(states)
    }

    /// Lines that their outputs did not take, since the start.
    var lostLineCount: Int { errorLines.lostCount + syslogLines.lostCount }

    /// The extra filter of an output; nil when there is none.
    package func filter(_ output: Output) -> ScriptLogLevel? { outputs.withLock { $0[output]?.filter } }

    package func setFilter(_ level: ScriptLogLevel?, _ output: Output) {
        outputs.withLock { $0[output]?.filter = level }
    }

    package func isMuted(_ output: Output) -> Bool { outputs.withLock { $0[output]?.isMuted ?? true } }

    package func setMuted(_ isMuted: Bool, _ output: Output) {
        outputs.withLock { $0[output]?.isMuted = isMuted }
    }

    /// Whether a line of `level` goes to `output`.
    func isWanted(_ level: ScriptLogLevel, _ output: Output) -> Bool {
        outputs.withLock { outputs in
            guard let state = outputs[output], !state.isMuted else { return false }
            return state.filter.map { level.rawValue <= $0.rawValue } ?? true
        }
    }
}
