/// Limits that no parameter of the script names; `sipray serve --limit NAME=VALUE` sets them.
package struct ServerLimits: Sendable, Equatable {
    /// A limit by the name that an operator writes.
    package enum Name: String, CaseIterable, Sendable {
        case waitingScripts = "waiting_scripts"
        case scriptSteps = "script_steps"
        case transactions
        case startupSeconds = "startup_seconds"
        case fifoCheckSeconds = "fifo_check_seconds"
        case lookupSeconds = "lookup_seconds"

        /// What holds unless it is set.
        package var usual: Int {
            switch self {
            case .waitingScripts: 10_000
            case .scriptSteps: 10_000_000
            case .transactions: 250_000
            case .startupSeconds: 60
            case .fifoCheckSeconds: 30
            case .lookupSeconds: 8
            }
        }

        package var range: ClosedRange<Int> {
            switch self {
            case .waitingScripts, .transactions: 1...10_000_000
            case .scriptSteps: 1000...Int(Int32.max)
            case .startupSeconds, .fifoCheckSeconds, .lookupSeconds: 1...86_400
            }
        }

        package var meaning: String {
            switch self {
            case .waitingScripts: "scripts of a process that may wait at once"
            case .scriptSteps: "steps of one script run"
            case .transactions: "transactions at once"
            case .startupSeconds: "how long startup_route may wait for what it asked for"
            case .fifoCheckSeconds: "how often it is seen to that the management FIFO is still there"
            case .lookupSeconds: "how long the servers of a name are looked for"
            }
        }
    }

    private var values: [Name: Int] = [:]

    package init() {}

    package subscript(name: Name) -> Int { values[name] ?? name.usual }

    /// Reads `name=value`; what is wrong with it, or nil when it holds from now on.
    package mutating func set(_ text: String) -> String? {
        let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 2 else { return "write it as name=value" }
        guard let name = Name(rawValue: parts[0]) else {
            return "there is no such limit; there are \(Name.allCases.map(\.rawValue).joined(separator: ", "))"
        }
        guard let value = Int(parts[1]), name.range.contains(value) else {
            return "\(parts[0]) is a whole number from \(name.range.lowerBound) to \(name.range.upperBound)"
        }
        values[name] = value
        return nil
    }

    /// One line for each, for `--help`.
    package static var help: String {
        Name.allCases.map { "  \($0.rawValue)  \($0.meaning) (\($0.usual))" }.joined(separator: "\n")
    }
}
