/// One thing to tell the writer of a script, with its place.
package struct Diagnostic: Hashable, Sendable {
    package enum Severity: String, Hashable, Sendable {
        /// The script is refused.
        case error
        /// The script runs, but a reader would be surprised.
        case warning
    }

    /// A second place that belongs to the first, such as the earlier definition.
    package struct Note: Hashable, Sendable {
        package var location: SourceLocation
        package var message: String
    }

    package var severity: Severity
    /// A stable word for machines and tests: `unknown-function`.
    package var code: String
    package var location: SourceLocation
    package var message: String
    /// What to do next, nil when the message says it all.
    package var hint: String?
    package var notes: [Note]

    package init(
        _ severity: Severity, _ code: String, at location: SourceLocation, _ message: String, hint: String? = nil,
        notes: [Note] = []
    ) {
        self.severity = severity
        self.code = code
        self.location = location
        self.message = message
        self.hint = hint
        self.notes = notes
    }
}

/// The diagnostics of one run, in the order in which they were found until `sorted`. Bounded: after `limit` errors the
/// rest are only counted.
struct DiagnosticList {
    private(set) var all: [Diagnostic] = []
    private(set) var errorCount = 0
    private var seen: Set<Diagnostic> = []
    let limit: Int

    init(limit: Int) { self.limit = limit }

    /// Further ones are counted only: nobody will read their hints, so none need be worked out.
    var isFull: Bool { seen.count >= limit }

    mutating func add(_ diagnostic: Diagnostic) {
        guard seen.count < limit else {
            if diagnostic.severity == .error { errorCount += 1 }
            return
        }
        guard seen.insert(diagnostic).inserted else { return }
        if diagnostic.severity == .error { errorCount += 1 }
        all.append(diagnostic)
    }

    mutating func error(_ code: String, at location: SourceLocation, _ message: String, hint: String? = nil) {
        add(Diagnostic(.error, code, at: location, message, hint: hint))
    }

    mutating func warn(_ code: String, at location: SourceLocation, _ message: String, hint: String? = nil) {
        add(Diagnostic(.warning, code, at: location, message, hint: hint))
    }
}
