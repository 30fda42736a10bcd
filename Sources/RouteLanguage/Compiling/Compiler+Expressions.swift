extension Compiler {
    /// Emits code that leaves the truth of an expression in the condition register.
    mutating func condition(_ expression: Expression) {
        at(expression.location)
        switch expression.kind {
        case .logical(let first, let rest):
            condition(first)
            for step in rest {
                let skip = emitJump(step.logicalOperator == .or ? .jumpIfTrue : .jumpUnlessTrue)
                condition(step.operand)
                patch(skip)
            }
        case .not(let operand):
            condition(operand)
            emit(.not)
        case .comparison(let left, let comparisonOperator, let right):
            comparison(left, comparisonOperator, right, at: expression.location)
        case .variable(let variable):
            emit(.testVariable, self.variable(variable))
        case .command(let command):
            self.command(command)
            emit(.conditionFromResult)
        case .assignment(let assignment):
            self.assignment(assignment)
            emit(.conditionFromResult)
        case .block(let body):
            emit(.setResult, 1)
            statements(body)
            emit(.conditionFromResult)
        case .arithmeticTest(let operand):
            value(operand)
            at(expression.location)
            emit(.test)
        case .arithmetic, .complement, .number, .string, .null, .network:
            value(expression)
            emit(.test)
        }
    }

    /// Emits code that pushes the value of an expression.
    mutating func value(_ expression: Expression) {
        at(expression.location)
        switch expression.kind {
        case .number(let number): emit(.pushInteger, Int32(truncatingIfNeeded: number))
        // Strings of expressions are taken as they are; only parameters are formats. (The manual's example of
        // {s.eval} depends on it.)
        case .string(let format): emit(.pushString, string(format.raw))
        case .null: emit(.pushNull)
        case .variable(let variable): emit(.pushVariable, self.variable(variable))
        case .network(let network): emit(.pushString, string(Array(network.written.utf8)))
        case .arithmetic(let first, let rest):
            value(first)
            for step in rest {
                value(step.operand)
                at(expression.location)
                emit(.arithmetic, step.arithmeticOperator.code)
            }
        case .complement(let operand):
            value(operand)
            emit(.complement)
        case .arithmeticTest(let operand): value(operand)
        case .command(let command):
            self.command(command)
            emit(.pushResult)
        case .assignment(let assignment):
            self.assignment(assignment)
            emit(.pushResult)
        case .logical, .not, .comparison, .block:
            condition(expression)
            emit(.pushCondition)
        }
    }

    private mutating func comparison(
        _ left: Variable, _ comparisonOperator: ComparisonOperator, _ right: Expression, at location: SourceLocation
    ) {
        let code = comparisonOperator.code
        let isMatch = comparisonOperator == .matches || comparisonOperator == .matchesNot
        switch right.kind {
        case .number(let number) where !isMatch:
            emit(.compareInteger, variable(left), code, Int32(truncatingIfNeeded: number))
        case .string(let format) where isMatch:
            program.patterns.append(Pattern(text: format.raw, location: right.location))
            emit(.matchPattern, variable(left), code, Int32(program.patterns.count - 1))
        case .string(let format):
            emit(.compareString, variable(left), code, string(format.raw))
        case .null:
            emit(.compareNull, variable(left), code)
        case .network(let network) where !isMatch:
            program.networks.append(network)
            emit(.compareNetwork, variable(left), code, Int32(program.networks.count - 1))
        default:
            emit(.pushVariable, variable(left))
            value(right)
            at(location)
            emit(isMatch ? .matchDynamic : .compare, code)
        }
    }
}

extension IPNetwork {
    /// The net in text, as a script sees one that it assigns.
    var written: String {
        var text: String
        if isIPv6 {
            text = stride(from: 0, to: 16, by: 2)
                .map { String(UInt16(address[$0]) << 8 | UInt16(address[$0 + 1]), radix: 16) }
                .joined(separator: ":")
        } else {
            text = address.map { String($0) }.joined(separator: ".")
        }
        if prefixLength != address.count * 8 { text += "/\(prefixLength)" }
        return text
    }
}
