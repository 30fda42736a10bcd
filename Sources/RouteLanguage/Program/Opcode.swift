/// The instructions of a route program. Each is one word; the operands follow, one word each.
///
/// The interpreter has two registers that scripts can feel: the *condition* (1 true, 0 false, -1 error) and the *result*
/// of the last statement (above 0 true, below 0 false). Expressions work on a stack of values; an operation that fails
/// (`"a" + 5`) marks the expression as failed, and whoever consumes the expression yields an error.
package enum Opcode: Int32, Sendable {
    // Flow. Targets are indexes into the code.
    case jump  // target
    case jumpIfTrue  // target
    case jumpUnlessTrue  // target
    /// 1 becomes 0, 0 becomes 1, an error stays an error.
    case not

    // Values.
    case pushInteger  // number
    case pushString  // string
    case pushNull
    case pushVariable  // variable
    case pushCondition
    case pushResult
    case arithmetic  // ArithmeticOperator.code
    case complement

    // Conditions.
    case compare  // ComparisonOperator.code; pops right, left
    case compareInteger  // variable, operator, number
    case compareString  // variable, operator, string
    case compareNull  // variable, operator
    case compareNetwork  // variable, operator, network
    case matchPattern  // variable, operator, pattern
    case matchDynamic  // operator; pops right, left
    case test
    case testVariable  // variable
    case conditionFromResult

    // Statements.
    case assign  // variable, AssignmentKind; pops the value
    case call  // call
    case callRoute  // route call
    case returnValues  // count, of which the first is the code; pops them
    case endRoute
    case exit
    case drop
    case setResult  // number
    case loopBegin  // slot
    case loopStep  // slot, target when the limit is reached
    case forNext  // slot, iterator, source, target at the end
    case switchOver  // switch; variable is in the table
    case log  // level, string
    case xlog  // log statement
    case skipUnlessAsserting  // target
    case assert  // format or -1
    case error  // string, string
    case async  // async statement
    case launch  // launch statement
}

/// How an assignment writes.
package enum AssignmentKind: Int32, Sendable {
    /// `=`
    case set
    /// `:=`
    case replaceAll
    /// `+=` and its kind: the new value takes the place of the old.
    case update
}

extension ComparisonOperator {
    package static let all: [ComparisonOperator] = [
        .equal, .notEqual, .less, .greater, .lessOrEqual, .greaterOrEqual, .matches, .matchesNot,
    ]

    /// The operand of the comparing instructions.
    package var code: Int32 {
        switch self {
        case .equal: 0
        case .notEqual: 1
        case .less: 2
        case .greater: 3
        case .lessOrEqual: 4
        case .greaterOrEqual: 5
        case .matches: 6
        case .matchesNot: 7
        }
    }

    package init(code: Int32) {
        self = Self.all[Int(code)]
    }
}

extension ArithmeticOperator {
    package static let all: [ArithmeticOperator] = [
        .add, .subtract, .multiply, .divide, .modulo, .bitAnd, .bitOr, .bitXor, .shiftLeft, .shiftRight,
    ]

    /// The operand of the arithmetic instruction.
    package var code: Int32 {
        switch self {
        case .add: 0
        case .subtract: 1
        case .multiply: 2
        case .divide: 3
        case .modulo: 4
        case .bitAnd: 5
        case .bitOr: 6
        case .bitXor: 7
        case .shiftLeft: 8
        case .shiftRight: 9
        }
    }

    package init(code: Int32) {
        self = Self.all[Int(code)]
    }
}
