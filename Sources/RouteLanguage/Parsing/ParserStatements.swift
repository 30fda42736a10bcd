/// Statements of a route.
extension Parser {
    /// Statements up to the `}` of the block, to a line that can only begin a route, or to the end. Errors inside are
    /// reported and skipped.
    mutating func parseStatements(openedAt open: Token) -> [Statement] {
        var statements: [Statement] = []
        while kind != .end, !isSymbol("}"), !beginsRoute {
            do throws(ParseFailure) {
                if let statement = try parseStatement() { statements.append(statement) }
            } catch {
                recoverInBlock()
            }
        }
        return statements
    }

    /// A route where a statement should be: a `}` is missing before it.
    var beginsRoute: Bool {
        guard let word, ReservedWords.blocks.contains(word) else { return false }
        return peek().kind == .symbol("[") || peek().kind == .symbol("{")
    }

    /// Skips the rest of a broken statement: to behind its `;`, or to a `}` of the block around it, or to a line that
    /// begins like a statement.
    private mutating func recoverInBlock() {
        var level = 0
        var isFirst = true
        while kind != .end {
            if level == 0, isSymbol("}") || beginsRoute { return }
            if level == 0, !isFirst, token.startsLine, looksLikeStatement { return }
            if isSymbol("{") { level += 1 }
            if isSymbol("}") {
                level -= 1
                if level == 0 {
                    advance()
                    if token.startsLine || looksLikeStatement || isSymbol("}") { return }
                    continue
                }
            }
            let wasEnd = isSymbol(";")
            isFirst = false
            advance()
            if wasEnd, level == 0 { return }
        }
    }

    private var looksLikeStatement: Bool {
        if kind == .variable { return true }
        guard let word else { return false }
        return ReservedWords.statements.contains(word) && !["in", "and", "or", "not"].contains(word)
            || peek().kind == .symbol("(")
    }

    /// nil for an empty one.
    mutating func parseStatement() throws(ParseFailure) -> Statement? {
        let start = token
        switch kind {
        case .symbol(";"):
            advance()
            return nil
        case .symbol("{"):
            return Statement(location: start.location, kind: .block(try parseBlock()))
        case .variable:
            return try parseAssignmentStatement(start)
        case .identifier(let word):
            return try parseWordStatement(word, start)
        case .symbol("/") where peek().kind == .symbol("/"):
            throw fail("slash-comment", at: start.location, "`//` is not a comment here", hint: "write `#` or `/* */`")
        default:
            throw fail("syntax", at: start.location, "expected a statement, found `\(tokenText(start))`")
        }
    }

    private mutating func parseWordStatement(_ word: String, _ start: Token) throws(ParseFailure) -> Statement {
        switch word {
        case "if": return try parseConditional(start)
        case "while": return try parseWhile(start)
        case "for": return try parseForEach(start)
        case "switch": return try parseSwitch(start)
        case "break": return try parseBreak(start)
        case "else":
            throw fail(
                "stray-else", at: start.location, "`else` without an `if` before it",
                hint: previous.kind == .symbol(";") ? "a `;` before it ends the `if`" : nil)
        case "case", "default":
            throw fail("stray-case", at: start.location, "`\(word)` outside of a `switch`")
        default:
            let command = try parseCommand()
            try endStatement(command)
            return Statement(location: command.location, kind: .command(command))
        }
    }

    private mutating func endStatement(_ command: Command) throws(ParseFailure) {
        if takeSymbol(";") { return }
        let what: String
        switch command.kind {
        case .exit: what = "`exit`"
        case .drop: what = "`drop`"
        case .returnValues: what = "`return`"
        case .function(let call): what = "`\(call.name)(…)`"
        default: what = "the statement"
        }
        let failure = expected("`;` after \(what)")
        // A line that goes on with something new lost its `;` only: nothing else is wrong with it.
        if token.startsLine || isSymbol("}") { return }
        throw failure
    }

    private mutating func parseAssignmentStatement(_ start: Token) throws(ParseFailure) -> Statement {
        guard let target = try takeVariable() else { throw expected("a variable") }
        let assignment = try parseAssignment(to: target, start)
        if !takeSymbol(";") {
            let failure = expected("`;` after the assignment")
            if !token.startsLine, !isSymbol("}") { throw failure }
        }
        return Statement(location: assignment.location, kind: .assignment(assignment))
    }

    /// `{ … }`
    mutating func parseBlock() throws(ParseFailure) -> [Statement] {
        let open = token
        try expect("{", "to open a block")
        return try nested { (parser: inout Parser) throws(ParseFailure) in
            let body = parser.parseStatements(openedAt: open)
            if !parser.takeSymbol("}") {
                parser.reportUnclosed(open)
                throw ParseFailure()
            }
            return body
        }
    }

    /// The statement after a condition: a block or one statement.
    private mutating func parseBody(of word: String) throws(ParseFailure) -> [Statement] {
        if isSymbol("{") { return try parseBlock() }
        if isSymbol(";"), word != "else" {
            diagnostics.warn(
                "empty-body", at: token.location, "this `;` is the whole body of the `\(word)`",
                hint: "write the statements in `{ }` after the condition")
        }
        return try nested { (parser: inout Parser) throws(ParseFailure) in
            try parser.parseStatement().map { [$0] } ?? []
        }
    }

    private mutating func parseCondition(of word: String) throws(ParseFailure) -> Expression {
        advance()
        try expect("(", "after `\(word)`")
        let condition = try parseCondition()
        try expect(")", "after the condition", hint: conditionHint)
        return condition
    }

    private mutating func parseConditional(_ start: Token) throws(ParseFailure) -> Statement {
        var branches: [ConditionalStatement.Branch] = []
        var otherwise: [Statement]?
        var branchStart = start
        while true {
            let condition = try parseCondition(of: "if")
            let body = try parseBody(of: "if")
            branches.append(
                ConditionalStatement.Branch(location: branchStart.location, condition: condition, body: body))
            guard isWord("else") else { break }
            advance()
            if isWord("if") {
                branchStart = token
                continue
            }
            otherwise = try parseBody(of: "else")
            break
        }
        return Statement(
            location: start.location,
            kind: .conditional(ConditionalStatement(branches: branches, otherwise: otherwise)))
    }

    private mutating func parseWhile(_ start: Token) throws(ParseFailure) -> Statement {
        let condition = try parseCondition(of: "while")
        breakTargets += 1
        defer { breakTargets -= 1 }
        let body = try parseBody(of: "while")
        return Statement(location: start.location, kind: .whileLoop(condition: condition, body: body))
    }

    private mutating func parseForEach(_ start: Token) throws(ParseFailure) -> Statement {
        let form = "the form is `for ($var(it) in $(list[*])) { … }`"
        advance()
        try expect("(", "after `for`", hint: form)
        guard let iterator = try takeVariable() else { throw expected("a variable", hint: form) }
        guard isWord("in") else { throw expected("`in`", hint: form) }
        advance()
        guard let source = try takeVariable() else { throw expected("a variable", hint: form) }
        try expect(")", "after the list", hint: form)
        breakTargets += 1
        defer { breakTargets -= 1 }
        let body = try parseBody(of: "for")
        return Statement(location: start.location, kind: .forEach(iterator: iterator, source: source, body: body))
    }

    private mutating func parseBreak(_ start: Token) throws(ParseFailure) -> Statement {
        advance()
        if breakTargets == 0 {
            diagnostics.error(
                "stray-break", at: start.location, "`break` outside of a loop or a switch",
                hint: "write `return;` to leave a route")
        }
        if takeSymbol("(") { try expect(")", "after `break(`") }
        if !takeSymbol(";") {
            let failure = expected("`;` after `break`")
            if !token.startsLine, !isSymbol("}") { throw failure }
        }
        return Statement(location: start.location, kind: .breakLoop)
    }

    private mutating func parseSwitch(_ start: Token) throws(ParseFailure) -> Statement {
        advance()
        try expect("(", "after `switch`")
        guard let subject = try takeVariable() else { throw expected("a variable", hint: "a switch takes a variable") }
        try expect(")", "after the variable", hint: "a switch takes a single variable")
        let open = token
        try expect("{", "to open the switch")
        breakTargets += 1
        defer { breakTargets -= 1 }
        let switchStatement = try nested { (parser: inout Parser) throws(ParseFailure) in
            try parser.parseCases(subject, open)
        }
        return Statement(location: start.location, kind: .switchOver(switchStatement))
    }

    private mutating func parseCases(_ subject: Variable, _ open: Token) throws(ParseFailure) -> SwitchStatement {
        var result = SwitchStatement(subject: subject, cases: [], defaultBody: nil, defaultLocation: nil)
        while kind != .end, !isSymbol("}") {
            let start = token
            if isWord("case") {
                if result.defaultBody != nil {
                    diagnostics.error(
                        "case-order", at: start.location, "`case` after `default`", hint: "put `default` last")
                }
                advance()
                let constant = try parseCaseConstant()
                try expect(":", "after the constant")
                result.cases.append(
                    SwitchStatement.Case(location: start.location, constant: constant, body: parseCaseBody(open)))
            } else if isWord("default") {
                if let earlier = result.defaultLocation {
                    diagnostics.add(
                        Diagnostic(
                            .error, "duplicate-default", at: start.location, "a second `default` in one switch",
                            notes: [Diagnostic.Note(location: earlier, message: "the first is here")]))
                }
                advance()
                try expect(":", "after `default`")
                result.defaultLocation = start.location
                result.defaultBody = parseCaseBody(open)
            } else if isSymbol(";") {
                advance()
            } else {
                throw expected("`case`, `default` or `}` in a switch")
            }
        }
        if !takeSymbol("}") {
            reportUnclosed(open)
            throw ParseFailure()
        }
        return result
    }

    private mutating func parseCaseConstant() throws(ParseFailure) -> SwitchStatement.Constant {
        if let number = takeSignedNumber() { return .number(number) }
        if let text = takeString() { return .string(text) }
        if kind == .null {
            advance()
            return .null
        }
        throw expected("a number or a quoted string", hint: "a case takes a constant")
    }

    private mutating func parseCaseBody(_ open: Token) -> [Statement] {
        var statements: [Statement] = []
        while kind != .end, !isSymbol("}"), !isWord("case"), !isWord("default"), !beginsRoute {
            do throws(ParseFailure) {
                if let statement = try parseStatement() { statements.append(statement) }
            } catch {
                recoverInBlock()
            }
        }
        return statements
    }
}
