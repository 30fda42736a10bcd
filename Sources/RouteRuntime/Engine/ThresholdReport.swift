import RouteLanguage
package import SIPMessage

/// A run that took longer than `exec_msg_threshold`, and what took the time.
package struct ThresholdReport: Sendable {
    package struct Action: Sendable {
        package var name: String
        package var line: Int
        package var microseconds: Int
    }

    /// Of the top route.
    package var routeName: String
    /// The message that it was about.
    package var message: Message
    package var microseconds: Int
    /// The slowest calls, slowest first, at most `SlowestActions.countMax`.
    package var slowest: [Action]
}

/// The slowest calls of one run. Fixed size; a note costs a comparison or two.
struct SlowestActions {
    static let countMax = 5

    private var entries: [(call: Int32, microseconds: Int)] = []

    mutating func reset() {
        entries.removeAll(keepingCapacity: true)
    }

    /// Notes that a call (an index into the program's calls) took that long.
    mutating func note(_ call: Int32, microseconds: Int) {
        if entries.count == Self.countMax, let last = entries.last, last.microseconds >= microseconds { return }
        let place = entries.firstIndex { $0.microseconds < microseconds } ?? entries.count
        entries.insert((call, microseconds), at: place)
        if entries.count > Self.countMax { entries.removeLast() }
    }

    func report(in program: BoundProgram) -> [ThresholdReport.Action] {
        entries.map { entry in
            let call = program.calls[Int(entry.call)]
            return ThresholdReport.Action(
                name: call.name, line: Int(call.location.line), microseconds: entry.microseconds)
        }
    }
}
