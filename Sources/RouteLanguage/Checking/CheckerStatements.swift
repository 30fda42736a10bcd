/// Statements and expressions.
extension Checker {
    mutating func check(_ statements: [Statement]) {
        var ended: (word: String, location: SourceLocation)?
        for statement in statements {
            // `exit; break;` at the end of a case and `async(…); exit;` are habits, not mistakes.
            if let end = ended, !statement.isBreak, !(end.word == "async" && statement.isExit) {
                diagnostics.add(
                    Diagnostic(
                        .warning, "unreachable", at: statement.location, "this is never reached",
                        notes: [
                            Diagnostic.Note(location: end.location, message: "`\(end.word)` ends the run before it")
                        ]))
                ended = nil
            }
            check(statement)
            if case .command(let command) = statement.kind, let word = command.endingWord {
                ended = (word, statement.location)
            }
        }
    }

    private mutating func check(_ statement: Statement) {
        switch statement.kind {
        case .command(let command): check(command)
        case .assignment(let assignment): check(assignment)
        case .conditional(let conditional):
            for branch in conditional.branches {
                check(branch.condition)
                check(branch.body)
            }
            if let otherwise = conditional.otherwise { check(otherwise) }
        case .whileLoop(let condition, let body):
            check(condition)
            check(body)
        case .forEach(let iterator, let source, let body): checkForEach(iterator, source, body)
        case .switchOver(let switchStatement): check(switchStatement)
        case .breakLoop: break
        case .block(let body): check(body)
        }
    }

    private mutating func checkForEach(_ iterator: Variable, _ source: Variable, _ body: [Statement]) {
        if iterator.name != Parser.brokenName, !["var", "avp", "json"].contains(iterator.name) {
            diagnostics.error(
                "for-iterator", at: iterator.location, "`$\(iterator.name)` cannot be the iterator of a `for`",
                hint: "use `$var(…)`, `$avp(…)` or `$json(…)`")
        }
        checkWritable(iterator)
        check(source)
        if source.name != Parser.brokenName {
            guard case .all = source.index else {
                diagnostics.error(
                    "for-source", at: source.location, "the list of a `for` needs the index `[*]`",
                    hint:
                        "write `$(\(source.name)\(source.inner.map { "(" + String(decoding: $0.raw, as: UTF8.self) + ")" } ?? "")[*])`"
                )
                check(body)
                return
            }
        }
        check(body)
    }

    private mutating func check(_ switchStatement: SwitchStatement) {
        check(switchStatement.subject)
        var seen: [String: SourceLocation] = [:]
        for one in switchStatement.cases {
            let key: String
            switch one.constant {
            case .number(let number): key = "n\(number)"
            case .string(let bytes):
                key = "s" + String(decoding: bytes, as: UTF8.self).lowercased()
                warnOfVariable(in: bytes, at: one.location)
            case .null: key = "null"
            }
            if let earlier = seen[key] {
                diagnostics.add(
                    Diagnostic(
                        .warning, "duplicate-case", at: one.location,
                        "this case is never reached: an earlier one is equal",
                        hint: "strings are compared without regard to case",
                        notes: [Diagnostic.Note(location: earlier, message: "the earlier one is here")]))
            }
            seen[key] = seen[key] ?? one.location
            check(one.body)
        }
        if let body = switchStatement.defaultBody { check(body) }
    }

    /// A case is compared as it is written: `case "$fU"` never means the caller's name.
    private mutating func warnOfVariable(in text: [UInt8], at location: SourceLocation) {
        let looksLikeOne = text.indices.dropLast().contains { index in
            let next = text[index + 1]
            return text[index] == UInt8(ascii: "$")
                && (next == UInt8(ascii: "(") || UInt8(ascii: "a")...UInt8(ascii: "z") ~= next | 0x20)
        }
        guard looksLikeOne else { return }
        diagnostics.warn(
            "case-variable", at: location, "a case is compared as it is written, with the `$` in it",
            hint: "compare with a variable by `if`")
    }

    // MARK: Expressions

    mutating func check(_ expression: Expression) {
        switch expression.kind {
        case .logical(let first, let rest):
            check(first)
            for step in rest { check(step.operand) }
        case .not(let inner), .complement(let inner), .arithmeticTest(let inner): check(inner)
        case .comparison(let left, let comparison, let right): checkComparison(left, comparison, right)
        case .arithmetic(let first, let rest): checkArithmetic(first, rest, expression.location)
        case .number, .null, .network: break
        case .string(let format): checkLiteral(format)
        case .variable(let variable): check(variable)
        case .command(let command): check(command)
        case .assignment(let assignment): check(assignment)
        case .block(let body): check(body)
        }
    }

    /// A string of an expression is taken as it is written. It may be a format for `{s.eval}`: that one is not doubted.
    private mutating func checkLiteral(_ format: FormatString) {
        guard !usesEvaluation else { return }
        for case .variable(let variable) in format.parts {
            guard let (_, declaration) = variables[variable.name], declaration.availability == .available else {
                continue
            }
            diagnostics.warn(
                "literal-string", at: variable.location,
                "the string is taken as it is: `$\(variable.name)` is not expanded here",
                hint:
                    "put texts together with `+`: `\(Self.concatenation(of: format))`; numbers go through `pv_printf($var(x), \"…\")`"
            )
            return
        }
    }

    /// `"sip:" + $rU + "@x"` of `"sip:$rU@x"`.
    private static func concatenation(of format: FormatString) -> String {
        var pieces: [String] = []
        for part in format.parts {
            switch part {
            case .literal(let bytes): pieces.append("\"" + String(decoding: bytes, as: UTF8.self) + "\"")
            case .variable(let variable): pieces.append(shortForm(of: variable))
            }
        }
        if case .variable? = format.parts.first, pieces.count > 1 { pieces.insert("\"\"", at: 0) }
        let text = pieces.joined(separator: " + ")
        return text.utf8.count <= 120 ? text : "\"…\" + $x + \"…\""
    }

    private static func shortForm(of variable: Variable) -> String {
        guard variable.context == nil, variable.index == nil, variable.transformations.isEmpty else {
            return "$(\(variable.name)…)"
        }
        return "$" + variable.name + (variable.inner.map { "(" + String(decoding: $0.raw, as: UTF8.self) + ")" } ?? "")
    }

    private mutating func checkComparison(_ left: Variable, _ comparison: ComparisonOperator, _ right: Expression) {
        check(left)
        guard case .string(let pattern) = right.kind, comparison == .matches || comparison == .matchesNot else {
            check(right)
            return
        }
        checkPattern(pattern)
        // A constant pattern is taken as it stands; `$` at its end is an anchor.
        for case .variable(let variable) in pattern.parts where variables[variable.name] != nil {
            diagnostics.warn(
                "literal-pattern", at: variable.location,
                "the pattern is taken literally: `$\(variable.name)` is not expanded",
                hint: "put the pattern into a variable first: `$var(re) = \"…\";`")
        }
    }

    private mutating func checkArithmetic(
        _ first: Expression, _ rest: [Expression.ArithmeticStep], _ location: SourceLocation
    ) {
        check(first)
        var constant = first.constantNumber
        for step in rest {
            check(step.operand)
            let operand = step.operand.constantNumber
            if step.arithmeticOperator == .divide || step.arithmeticOperator == .modulo, operand == 0 {
                diagnostics.warn(
                    "divide-by-zero", at: step.operand.location, "division by 0: the result is 0 and an error is logged"
                )
            }
            constant = constant.flatMap { left in operand.flatMap { step.arithmeticOperator.apply(left, $0) } }
            if let value = constant, Int(Int32(truncatingIfNeeded: value)) != value {
                let wrapped = Int(Int32(truncatingIfNeeded: value))
                diagnostics.warn(
                    "number-overflow", at: location, "\(value) does not fit 32 bits: it becomes \(wrapped)",
                    hint: "integers go from -2147483648 to 2147483647")
                constant = wrapped
            }
        }
        checkMixedConstants(first, rest)
    }

    /// `"a" + 5` and `5 + "a"` are errors at run time.
    private mutating func checkMixedConstants(_ first: Expression, _ rest: [Expression.ArithmeticStep]) {
        guard let step = rest.first else { return }
        let isMixed =
            (first.constantNumber != nil && step.operand.isString)
            || (first.isString && step.operand.constantNumber != nil)
        let isStringMath = first.isString && step.arithmeticOperator != .add
        guard isMixed || isStringMath else { return }
        diagnostics.warn(
            "mixed-operands", at: step.operand.location,
            isStringMath
                ? "`\(step.arithmeticOperator.rawValue)` on a string fails when it runs"
                : "a number and a string cannot be added: this fails when it runs and nothing is assigned",
            hint: "`$(var(x){s.int})` turns text into a number; quotes turn a number into text")
    }

    // MARK: Assignments

    mutating func check(_ assignment: Assignment) {
        checkWritable(assignment.target)
        check(assignment.value)
        guard assignment.assignmentOperator != .set, assignment.assignmentOperator != .replaceAll else { return }
        if case .null = assignment.value.kind {
            diagnostics.warn(
                "null-arithmetic", at: assignment.value.location,
                "`\(assignment.assignmentOperator.rawValue)` with NULL fails when it runs")
        }
    }

    mutating func checkWritable(_ target: Variable) {
        check(target, isTarget: true)
        guard let (module, declaration) = variables[target.name] else { return }
        if let first = target.transformations.first {
            diagnostics.error(
                "assign-transformation", at: first.location, "a variable with a transformation cannot be assigned to",
                hint: "assign to `$\(target.name)` itself")
        }
        if !declaration.isWritable {
            diagnostics.error(
                "read-only", at: target.location, "`$\(target.name)` is read-only",
                hint: module == "core" ? nil : "it is a variable of module \(module)")
        }
        if target.context != nil {
            diagnostics.error(
                "assign-context", at: target.location, "a variable of another message cannot be assigned to",
                hint: "leave `<\(target.context?.rawValue ?? "")>` out")
        }
    }
}

extension Statement {
    var isExit: Bool {
        if case .command(let command) = kind, case .exit = command.kind { return true }
        return false
    }

    var isBreak: Bool {
        if case .breakLoop = kind { return true }
        return false
    }
}

extension Command {
    /// The word when nothing after it runs.
    var endingWord: String? {
        switch kind {
        case .exit: "exit"
        case .drop: "drop"
        case .returnValues: "return"
        case .async: "async"
        default: nil
        }
    }
}

extension Expression {
    var constantNumber: Int? {
        if case .number(let number) = kind { return number }
        return nil
    }

    var isString: Bool {
        if case .string = kind { return true }
        return false
    }
}

extension ArithmeticOperator {
    /// In 64 bits, nil where it is not worth a warning.
    func apply(_ left: Int, _ right: Int) -> Int? {
        switch self {
        case .add: left + right
        case .subtract: left - right
        case .multiply: left * right
        case .divide, .modulo, .bitAnd, .bitOr, .bitXor, .shiftLeft, .shiftRight: nil
        }
    }
}
