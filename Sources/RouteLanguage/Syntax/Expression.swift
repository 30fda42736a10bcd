/// A condition, an operand or the right side of an assignment.
///
/// Chains of one precedence level are flat lists, not nested pairs: `a && b || c` is one `logical` of three, evaluated
/// from the left. So the depth of the tree is bounded by the nesting that a person wrote (`ParserLimits`).
package struct Expression: Sendable {
    package indirect enum Kind: Sendable {
        /// `AND` and `OR` have one level and associate to the left, with short circuit at each step.
        case logical(first: Expression, rest: [LogicalStep])
        /// `!x`, `not x`. Binds to the comparison after it: `!$x == 1` is `!($x == 1)`.
        case not(Expression)
        /// `$v == operand`. The left side is always a variable.
        case comparison(left: Variable, comparisonOperator: ComparisonOperator, right: Expression)
        /// `+ - * / %` have one level and associate to the left; bit operators make a chain of these chains.
        case arithmetic(first: Expression, rest: [ArithmeticStep])
        /// `~x`
        case complement(Expression)
        /// `[ … ]` in a condition: true when the value is not 0, empty or NULL.
        case arithmeticTest(Expression)
        /// A 32-bit integer; also yes, no, on, off, true, false, enable, disable.
        case number(Int)
        case string(FormatString)
        case null
        case network(IPNetwork)
        case variable(Variable)
        case command(Command)
        case assignment(Assignment)
        /// `{ … }` in a condition.
        case block([Statement])
    }

    package struct LogicalStep: Sendable {
        package var logicalOperator: LogicalOperator
        package var operand: Expression
    }

    package struct ArithmeticStep: Sendable {
        package var arithmeticOperator: ArithmeticOperator
        package var operand: Expression
    }

    package var location: SourceLocation
    package var kind: Kind

    package init(location: SourceLocation, kind: Kind) {
        self.location = location
        self.kind = kind
    }
}

package enum LogicalOperator: String, Sendable {
    case and = "&&"
    case or = "||"
}

package enum ComparisonOperator: String, Sendable {
    case equal = "=="
    case notEqual = "!="
    case less = "<"
    case greater = ">"
    case lessOrEqual = "<="
    case greaterOrEqual = ">="
    case matches = "=~"
    case matchesNot = "!~"
}

package enum ArithmeticOperator: String, Sendable {
    case add = "+"
    case subtract = "-"
    case multiply = "*"
    case divide = "/"
    case modulo = "%"
    case bitAnd = "&"
    case bitOr = "|"
    case bitXor = "^"
    case shiftLeft = "<<"
    case shiftRight = ">>"
}

/// `$left op right`.
package struct Assignment: Sendable {
    package enum Operator: String, Sendable {
        case set = "="
        /// `:=` replaces all values of an AVP-like variable.
        case replaceAll = ":="
        case add = "+="
        case subtract = "-="
        case multiply = "*="
        case divide = "/="
        case modulo = "%="
        case bitAnd = "&="
        case bitOr = "|="
        case bitXor = "^="

        /// The arithmetic of `+=` and its kind, nil for `=` and `:=`.
        package var arithmetic: ArithmeticOperator? {
            switch self {
            case .set, .replaceAll: nil
            case .add: .add
            case .subtract: .subtract
            case .multiply: .multiply
            case .divide: .divide
            case .modulo: .modulo
            case .bitAnd: .bitAnd
            case .bitOr: .bitOr
            case .bitXor: .bitXor
            }
        }
    }

    package var location: SourceLocation
    package var target: Variable
    package var assignmentOperator: Operator
    package var value: Expression
}
