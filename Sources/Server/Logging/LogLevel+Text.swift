import Logging
import RouteRuntime

/// The peer's log levels as lines and outputs show them.
extension ScriptLogLevel {
    init(_ level: Logger.Level) {
        switch level {
        case .trace, .debug: self = .debug
        case .info: self = .info
        case .notice: self = .notice
        case .warning: self = .warning
        case .error: self = .error
        case .critical: self = .critical
        }
    }

    /// As it stands in a line: `NOTICE`.
    var name: String {
        switch self {
        case .alert: "ALERT"
        case .critical: "CRITICAL"
        case .error: "ERROR"
        case .warning: "WARNING"
        case .notice: "NOTICE"
        case .info: "INFO"
        case .debug: "DBG"
        }
    }

    /// The priority of syslog(3).
    var syslogPriority: Int32 {
        switch self {
        case .alert: 1
        case .critical: 2
        case .error: 3
        case .warning: 4
        case .notice: 5
        case .info: 6
        case .debug: 7
        }
    }
}

extension Logger.Level {
    /// The least urgent level that is still said at one of the peer's numbers.
    init(limit: Int) {
        switch limit {
        case ...(-2): self = .critical
        case -1, 0: self = .error
        case 1: self = .warning
        case 2: self = .notice
        case 3: self = .info
        default: self = .trace
        }
    }
}
