/// One statement of a route.
package struct Statement: Sendable {
    package indirect enum Kind: Sendable {
        case command(Command)
        case assignment(Assignment)
        case conditional(ConditionalStatement)
        case whileLoop(condition: Expression, body: [Statement])
        /// `for ($it in $(list[*])) …`
        case forEach(iterator: Variable, source: Variable, body: [Statement])
        case switchOver(SwitchStatement)
        case breakLoop
        case block([Statement])
    }

    package var location: SourceLocation
    package var kind: Kind

    package init(location: SourceLocation, kind: Kind) {
        self.location = location
        self.kind = kind
    }
}

/// `if (…) … else if (…) … else …`, flat.
package struct ConditionalStatement: Sendable {
    package struct Branch: Sendable {
        /// Of its `if`.
        package var location: SourceLocation
        package var condition: Expression
        package var body: [Statement]
    }

    /// At least one.
    package var branches: [Branch]
    /// nil without `else`.
    package var otherwise: [Statement]?
}

/// `switch ($v) { case c: … break; default: … }`. A case without `break` falls through to the next.
package struct SwitchStatement: Sendable {
    package enum Constant: Sendable {
        case number(Int)
        case string([UInt8])
        case null
    }

    package struct Case: Sendable {
        package var location: SourceLocation
        package var constant: Constant
        package var body: [Statement]
    }

    package var subject: Variable
    package var cases: [Case]
    /// nil without `default`. It is the last.
    package var defaultBody: [Statement]?
    package var defaultLocation: SourceLocation?
}
