package import Logging

/// The log levels of scripts, by the peer's numbers.
package enum ScriptLogLevel: Int, Sendable, CaseIterable {
    case alert = -3
    case critical = -2
    case error = -1
    case warning = 1
    case notice = 2
    case info = 3
    case debug = 4

    /// The level that a number stands for; numbers outside go to the nearest, 0 to `error`.
    package init(clamping number: Int) {
        self = ScriptLogLevel(rawValue: max(-3, min(4, number))) ?? .error
    }

    /// The swift-log level that it is written at.
    package var loggerLevel: Logger.Level {
        switch self {
        case .alert, .critical: .critical
        case .error: .error
        case .warning: .warning
        case .notice: .notice
        case .info: .info
        case .debug: .debug
        }
    }
}
