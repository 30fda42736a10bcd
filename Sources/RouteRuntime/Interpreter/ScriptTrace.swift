import Bytes
import RouteLanguage

/// What `script_trace()` switched on for the rest of a run.
struct ScriptTrace {
    var level: ScriptLogLevel
    var format: BoundFormat
    var info: ByteString?
}

extension ScriptRun {
    /// One line about a call that is about to be made.
    func traceCall(_ call: BoundCall) {
        guard let trace, trace.level.rawValue <= process.xlogLevel else { return }
        let info = trace.info.map { "[\($0)]" } ?? ""
        configuration.output(
            trace.level, "[line \(call.location.line)]\(info)[\(call.name)] -> (\(trace.format.text(in: self)))")
    }
}
