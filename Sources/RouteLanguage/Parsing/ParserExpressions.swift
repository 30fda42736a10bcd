/// Conditions and values.
extension Parser {
    // MARK: Conditions

    /// `a && b || !c`: one level, from the left.
    mutating func parseCondition() throws(ParseFailure) -> Expression {
        try nested { (parser: inout Parser) throws(ParseFailure) in
            let start = parser.token
            let first = try parser.parseConditionOperand()
            return try parser.parseLogicalTail(first, start)
        }
    }

    private mutating func parseLogicalTail(_ first: Expression, _ start: Token) throws(ParseFailure) -> Expression {
        var rest: [Expression.LogicalStep] = []
        while let next = logicalOperator {
            advance()
            rest.append(Expression.LogicalStep(logicalOperator: next, operand: try parseConditionOperand()))
        }
        if rest.isEmpty { return first }
        let location = location(from: start)
        if Set(rest.map(\.logicalOperator)).count > 1 {
            diagnostics.warn(
                "mixed-logic", at: location,
                "AND and OR have the same precedence here: this is read from left to right",
                hint: "write parentheses to say what is meant")
        }
        return Expression(location: location, kind: .logical(first: first, rest: rest))
    }

    private var logicalOperator: LogicalOperator? {
        switch kind {
        case .symbol("&&"), .identifier("and"), .identifier("AND"): .and
        case .symbol("||"), .identifier("or"), .identifier("OR"): .or
        default: nil
        }
    }

    private mutating func parseConditionOperand() throws(ParseFailure) -> Expression {
        let start = token
        if isSymbol("!") || isWord("not") {
            advance()
            let operand = try nested { (parser: inout Parser) throws(ParseFailure) in
                try parser.parseConditionOperand()
            }
            return Expression(location: location(from: start), kind: .not(operand))
        }
        if takeSymbol("(") {
            let inner = try parseCondition()
            try expect(")", "after the condition", hint: conditionHint)
            return inner
        }
        if takeSymbol("[") {
            let inner = try parseValue()
            try expect("]", "after the arithmetic")
            return Expression(location: location(from: start), kind: .arithmeticTest(inner))
        }
        if isSymbol("{") {
            return Expression(location: start.location, kind: .block(try parseBlock()))
        }
        if kind == .variable { return try parseVariableCondition(start) }
        if let number = takeSignedNumber() {
            if comparisonOperator != nil { throw constantOnTheLeft(start) }
            return Expression(location: location(from: start), kind: .number(number))
        }
        if case .identifier = kind { return try commandExpression(start) }
        if case .string = kind {
            advance()
            if comparisonOperator != nil { throw constantOnTheLeft(start) }
            throw fail(
                "syntax", at: start.location, "a string is not a condition",
                hint: "compare a variable with it: `$rU == \"…\"`")
        }
        throw expected("a condition")
    }

    private mutating func constantOnTheLeft(_ start: Token) -> ParseFailure {
        let written = String(
            decoding: source.bytes[start.range.lowerBound..<previous.range.upperBound].prefix(40), as: UTF8.self)
        return fail(
            "constant-left", at: location(from: start), "the left side of a comparison must be a variable",
            hint: "turn it around: `$variable == \(written)`")
    }

    private mutating func commandExpression(_ start: Token) throws(ParseFailure) -> Expression {
        let command = try parseCommand()
        let location = location(from: start)
        if comparisonOperator != nil {
            throw fail(
                "constant-left", at: token.location, "the result of a call cannot be compared",
                hint: "call it first, then compare `$rc`")
        }
        return Expression(location: location, kind: .command(command))
    }

    private mutating func parseVariableCondition(_ start: Token) throws(ParseFailure) -> Expression {
        guard let variable = try takeVariable() else { throw expected("a variable") }
        if let comparison = comparisonOperator { return try parseComparison(variable, comparison, start) }
        if assignmentOperator != nil {
            let assignment = try parseAssignment(to: variable, start)
            if assignment.assignmentOperator == .set {
                diagnostics.warn(
                    "assignment-condition", at: assignment.location, "this assigns; it does not compare",
                    hint: "write `==` to compare")
            }
            return Expression(location: assignment.location, kind: .assignment(assignment))
        }
        return Expression(location: variable.location, kind: .variable(variable))
    }

    /// What to say when a condition goes on where it cannot.
    var conditionHint: String? {
        if arithmeticOperator != nil {
            return "arithmetic in a condition goes into `[ … ]`, or into a variable first"
        }
        return nil
    }

    private var comparisonOperator: ComparisonOperator? {
        if case .symbol(let symbol) = kind { return ComparisonOperator(rawValue: symbol) }
        return nil
    }

    private mutating func parseComparison(
        _ left: Variable, _ comparison: ComparisonOperator, _ start: Token
    ) throws(ParseFailure) -> Expression {
        let operatorToken = token
        advance()
        let operandToken = token
        let right = try parseComparisonOperand()
        let isEquality = comparison == .equal || comparison == .notEqual
        switch right.kind {
        case .null where !isEquality, .network where !isEquality:
            throw fail(
                "comparison-operand", at: operatorToken.location,
                "`\(comparison.rawValue)` does not go with \(right.isNull ? "NULL" : "an address")",
                hint: "use `==` or `!=`")
        case .number where comparison == .matches || comparison == .matchesNot:
            throw fail(
                "comparison-operand", at: operandToken.location, "`\(comparison.rawValue)` needs a pattern in quotes")
        default: break
        }
        return Expression(
            location: location(from: start), kind: .comparison(left: left, comparisonOperator: comparison, right: right)
        )
    }

    /// Variable, string, signed number, NULL, address or net.
    private mutating func parseComparisonOperand() throws(ParseFailure) -> Expression {
        if case .identifier = kind {
            throw expected(
                "a variable, a string or a number",
                hint: peek().kind == .symbol("(")
                    ? "call it first, then compare `$rc`" : "put text in quotes: \"\(tokenText(token))\"")
        }
        if isSymbol("(") {
            throw expected("a variable, a string or a number", hint: "put the arithmetic into a variable first")
        }
        if let operand = try parseLeaf() { return operand }
        throw expected("a variable, a string, a number, NULL or an address")
    }

    private mutating func parseLeaf() throws(ParseFailure) -> Expression? {
        let start = token
        if let number = takeSignedNumber() { return Expression(location: location(from: start), kind: .number(number)) }
        if let format = takeFormat() { return Expression(location: start.location, kind: .string(format)) }
        if let variable = try takeVariable() { return Expression(location: start.location, kind: .variable(variable)) }
        switch kind {
        case .null:
            advance()
            return Expression(location: start.location, kind: .null)
        case .address(let network), .network(let network):
            advance()
            return Expression(location: start.location, kind: .network(network))
        default: return nil
        }
    }

    // MARK: Assignments and values

    private var assignmentOperator: Assignment.Operator? {
        if case .symbol(let symbol) = kind { return Assignment.Operator(rawValue: symbol) }
        return nil
    }

    mutating func parseAssignment(to target: Variable, _ start: Token) throws(ParseFailure) -> Assignment {
        guard let assignmentOperator else {
            // What is wrong with the variable was said already.
            if target.name == Self.brokenName { throw ParseFailure() }
            throw expected(
                "an assignment after the variable",
                hint: isSymbol("{") || isSymbol("[") ? "transformations and indexes need the form `$(name{…})`" : nil)
        }
        advance()
        let value = try parseValue()
        return Assignment(
            location: location(from: start), target: target, assignmentOperator: assignmentOperator, value: value)
    }

    /// The right side of an assignment: bit operators over arithmetic, each of one level from the left.
    mutating func parseValue() throws(ParseFailure) -> Expression {
        try nested { (parser: inout Parser) throws(ParseFailure) in
            let start = parser.token
            let first = try parser.parseSum()
            var rest: [Expression.ArithmeticStep] = []
            while let next = parser.arithmeticOperator, next.isBitwise {
                parser.advance()
                rest.append(Expression.ArithmeticStep(arithmeticOperator: next, operand: try parser.parseSum()))
            }
            if rest.isEmpty { return first }
            return Expression(location: parser.location(from: start), kind: .arithmetic(first: first, rest: rest))
        }
    }

    private var arithmeticOperator: ArithmeticOperator? {
        if case .symbol(let symbol) = kind { return ArithmeticOperator(rawValue: symbol) }
        return nil
    }

    private mutating func parseSum() throws(ParseFailure) -> Expression {
        let start = token
        let first = try parseValueOperand()
        var rest: [Expression.ArithmeticStep] = []
        while let next = arithmeticOperator, !next.isBitwise {
            advance()
            rest.append(Expression.ArithmeticStep(arithmeticOperator: next, operand: try parseValueOperand()))
        }
        if rest.isEmpty { return first }
        let location = location(from: start)
        let firstSum = rest.firstIndex { $0.arithmeticOperator.isAdditive }
        let lastProduct = rest.lastIndex { !$0.arithmeticOperator.isAdditive }
        if let firstSum, let lastProduct, firstSum < lastProduct {
            diagnostics.warn(
                "mixed-arithmetic", at: location,
                "`\(rest[lastProduct].arithmeticOperator.rawValue)` does not bind tighter than `\(rest[firstSum].arithmeticOperator.rawValue)` here: this is read from left to right",
                hint: "write parentheses to say what is meant")
        }
        return Expression(location: location, kind: .arithmetic(first: first, rest: rest))
    }

    private mutating func parseValueOperand() throws(ParseFailure) -> Expression {
        let start = token
        if takeSymbol("~") {
            let operand = try nested { (parser: inout Parser) throws(ParseFailure) in try parser.parseValueOperand() }
            return Expression(location: location(from: start), kind: .complement(operand))
        }
        if takeSymbol("(") {
            let first = try parseValueOrNegation()
            let inner = try parseLogicalTail(first, start)
            try expect(")", "after the value")
            return inner
        }
        if isSymbol("!") || isWord("not") { return try parseValueOrNegation() }
        if kind == .variable {
            guard let variable = try takeVariable() else { throw expected("a value") }
            if let comparison = comparisonOperator { return try parseComparison(variable, comparison, start) }
            return Expression(location: variable.location, kind: .variable(variable))
        }
        if let leaf = try parseLeaf() {
            if comparisonOperator != nil { throw constantOnTheLeft(start) }
            return leaf
        }
        if case .identifier(let word) = kind {
            // `$xlog_level = L_DBG;`
            if let level = Self.logLevels[word] {
                advance()
                return Expression(location: start.location, kind: .number(level))
            }
            if peek().kind != .symbol("("), !["exit", "drop", "return"].contains(word) {
                throw expected("a value", hint: "put text in quotes: \"\(word)\"")
            }
            return try commandExpression(start)
        }
        throw expected("a value")
    }

    private mutating func parseValueOrNegation() throws(ParseFailure) -> Expression {
        isSymbol("!") || isWord("not") ? try parseConditionOperand() : try parseValue()
    }
}

extension ArithmeticOperator {
    /// One level below arithmetic.
    var isBitwise: Bool {
        switch self {
        case .bitAnd, .bitOr, .bitXor, .shiftLeft, .shiftRight: true
        case .add, .subtract, .multiply, .divide, .modulo: false
        }
    }

    var isAdditive: Bool { self == .add || self == .subtract }
}

extension Expression {
    var isNull: Bool {
        if case .null = kind { return true }
        return false
    }
}
