/// A script compiled: one flat array of instructions and the pools that its operands index.
///
/// Immutable, shared by all processes. The runtime binds the pools (names to host functions, patterns to compiled
/// expressions) once at start.
package struct Program: Sendable {
    package internal(set) var code: [Int32] = []
    /// For each word of `code`, the index into `locations` of the statement or operand that it came from.
    package internal(set) var positions: [Int32] = []
    package internal(set) var locations: [SourceLocation] = []

    package internal(set) var strings: [[UInt8]] = []
    package internal(set) var formats: [FormatString] = []
    package internal(set) var variables: [Variable] = []
    package internal(set) var networks: [IPNetwork] = []
    /// Constant regular expressions.
    package internal(set) var patterns: [Pattern] = []
    package internal(set) var calls: [FunctionCall] = []
    package internal(set) var routeCalls: [RouteCall] = []
    package internal(set) var switches: [SwitchTable] = []
    package internal(set) var logStatements: [LogStatement] = []
    package internal(set) var asyncStatements: [AsyncStatement] = []
    package internal(set) var launchStatements: [LaunchStatement] = []
    package internal(set) var routes: [CompiledRoute] = []

    /// The location of an instruction.
    package func location(at index: Int) -> SourceLocation {
        positions.indices.contains(index) ? locations[Int(positions[index])] : .none
    }

    /// The index of a route, nil when there is none.
    package func routeIndex(_ kind: RouteKind, _ name: String?) -> Int? {
        routes.firstIndex { $0.kind == kind && $0.name == name }
    }
}

/// A route's place in the program.
package struct CompiledRoute: Sendable {
    package var kind: RouteKind
    package var name: String?
    /// Index of its first instruction.
    package var entry: Int
    /// Loop counters that it needs.
    package var slotCount: Int
    /// Of its first statement; of the block when it is empty. Top routes' records carry this line.
    package var location: SourceLocation
    package var intervalSeconds: Int?

    /// What records and logs call it: its name, or `<root>` for the main route, or the word of its kind.
    package var displayName: String {
        if let name { return name }
        return kind == .request ? "<root>" : kind.keyword
    }
}

/// Which route a statement names.
package enum RouteTarget: Sendable {
    /// Index into `Program.routes`.
    case route(Int)
    /// A constant name that no route has.
    case unknown(String)
    /// Looked up each time: index into `Program.formats`.
    case dynamic(Int)
}

/// `route(name, arguments…)`
package struct RouteCall: Sendable {
    package var target: RouteTarget
    package var arguments: [Argument]
    package var location: SourceLocation
}

/// A constant regular expression and its place.
package struct Pattern: Sendable {
    package var text: [UInt8]
    package var location: SourceLocation
}

/// The cases of a `switch` and where their bodies begin.
package struct SwitchTable: Sendable {
    package struct Entry: Sendable {
        package var constant: SwitchStatement.Constant
        package var target: Int
    }

    /// Index into `Program.variables`.
    package var subject: Int
    package var entries: [Entry]
    /// Of `default`, or the end of the statement.
    package var defaultTarget: Int
}

/// `xlog` or `xdbg`.
package struct LogStatement: Sendable {
    package enum Level: Sendable {
        case constant(Int)
        /// Index into `Program.variables`.
        case variable(Int)
    }

    /// nil: as `xlog_print_level` says.
    package var level: Level?
    /// Index into `Program.formats`.
    package var format: Int
}

/// `async(f(…), resume, timeout)`
package struct AsyncStatement: Sendable {
    /// Index into `Program.calls`.
    package var call: Int
    package var resume: RouteTarget
    /// In seconds.
    package var timeout: Argument?
}

/// `launch(f(…), report, "parameter")`
package struct LaunchStatement: Sendable {
    package var call: Int
    package var report: RouteTarget?
    /// Index into `Program.formats`.
    package var parameter: Int?
}
