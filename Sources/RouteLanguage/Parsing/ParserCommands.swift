/// Calls and the core keywords that act as calls.
extension Parser {
    mutating func parseCommand() throws(ParseFailure) -> Command {
        let start = token
        guard let word else { throw expected("a call") }
        let kind: Command.Kind
        switch word {
        case "exit", "drop":
            advance()
            if takeSymbol("(") { try expect(")", "after `\(word)(`") }
            kind = word == "exit" ? .exit : .drop
        case "return": kind = try parseReturn()
        case "assert": kind = try parseAssert()
        case "log": kind = try parseLog()
        case "error": kind = try parseError()
        case "xlog": kind = try parseXlog()
        case "xdbg":
            try openCall()
            kind = .xdbg(try takeXlogFormat())
            try closeCall(word)
        case "route": kind = try parseRouteCall()
        case "async": kind = try parseAsync()
        case "launch": kind = try parseLaunch()
        default: kind = .function(try parseFunctionCall())
        }
        return Command(location: location(from: start), kind: kind)
    }

    private mutating func openCall() throws(ParseFailure) {
        let word = tokenText(token)
        advance()
        try expect("(", "after `\(word)`")
    }

    private mutating func closeCall(_ word: String) throws(ParseFailure) {
        try expect(")", "after the arguments of `\(word)`")
    }

    /// `name(argument, , argument)`
    mutating func parseFunctionCall() throws(ParseFailure) -> FunctionCall {
        let start = token
        guard let name = word else { throw expected("the name of a function") }
        advance()
        guard takeSymbol("(") else {
            if isSymbol("=") {
                throw fail(
                    "global-in-route", at: start.location, "`\(name)` is not a variable",
                    hint: GlobalParameterTable.byName[name] != nil
                        ? "global parameters are set outside routes" : "variables begin with `$`: `$var(\(name))`")
            }
            if case .string = kind, ["include_file", "import_file"].contains(name) {
                throw fail(
                    "bad-include", at: start.location, "`\(name)` needs a line of its own with a quoted file name",
                    hint: "write `\(name) \"file.cfg\"` and nothing else on that line")
            }
            if let habit = OldHabits.conditionWords[name],
                isSymbol("==") || isSymbol("!=") || isSymbol("=~")
                    || isSymbol("!~") || isSymbol("<") || isSymbol(">") || isSymbol("<=") || isSymbol(">=")
            {
                throw fail(
                    "old-condition", at: start.location, "`\(name)` is not a variable",
                    hint: "\(habit) (`\(name)` is gone since OpenSIPS 3)")
            }
            if case .string = kind, ["loadmodule", "include_file"].contains(name) == false {
                throw expected("`(` after `\(name)`", hint: "arguments stand in parentheses: `\(name)(…)`")
            }
            throw expected(
                "`(` after `\(name)`", hint: "a statement is a call, an assignment, if, while, for, switch, or a block")
        }
        var arguments: [Argument?] = []
        if !isSymbol(")") {
            repeat {
                if isSymbol(",") || isSymbol(")") {
                    arguments.append(nil)
                } else {
                    arguments.append(try parseArgument(of: name))
                }
            } while takeSymbol(",")
        }
        try expect(")", "or `,` after an argument of `\(name)`")
        if arguments.count > limits.argumentsMax {
            throw fail(
                "too-many-arguments", at: location(from: start),
                "a call has at most \(limits.argumentsMax) arguments, this has \(arguments.count)")
        }
        return FunctionCall(location: location(from: start), name: name, arguments: arguments)
    }

    private mutating func parseArgument(of name: String) throws(ParseFailure) -> Argument {
        let start = token
        if let format = takeFormat() {
            if case .string = kind {
                throw expected(
                    "`,` or `)` after an argument",
                    hint: "adjacent strings are joined in modparam, xlog and xdbg only")
            }
            return Argument(location: start.location, kind: .string(format))
        }
        if let number = takeSignedNumber() { return Argument(location: location(from: start), kind: .number(number)) }
        if let variable = try takeVariable() { return Argument(location: start.location, kind: .variable(variable)) }
        if let word {
            throw expected("a string, a number or a variable", hint: "put text in quotes: \"\(word)\"")
        }
        throw expected("a string, a number or a variable")
    }

    // MARK: Core keywords

    private mutating func parseReturn() throws(ParseFailure) -> Command.Kind {
        advance()
        var values: [Expression] = []
        if takeSymbol("(") {
            if takeSymbol(")") { return .returnValues([]) }
            repeat { values.append(try parseValue()) } while takeSymbol(",")
            try expect(")", "after the values of `return`")
        } else if !isSymbol(";"), !isSymbol(")"), !isSymbol("}"), kind != .end {
            values.append(try parseValue())
        }
        if values.count == 1, case .number(0) = values[0].kind {
            diagnostics.warn(
                "return-zero", at: values[0].location, "returning 0 stops the whole script, not only this route",
                hint: "write `exit;` when that is meant; `return(-1)` is false, `return(1)` is true")
        }
        return .returnValues(values)
    }

    private mutating func parseAssert() throws(ParseFailure) -> Command.Kind {
        try openCall()
        let condition = try parseCondition()
        var message: FormatString?
        if takeSymbol(",") {
            guard let format = takeFormat() else { throw expected("a quoted text") }
            message = format
        }
        try closeCall("assert")
        return .assert(condition, message: message)
    }

    static let logLevels: [String: Int] = [
        "L_ALERT": -3, "L_CRIT": -2, "L_ERR": -1, "L_WARN": 1, "L_NOTICE": 2, "L_INFO": 3, "L_DBG": 4,
    ]

    private mutating func parseLog() throws(ParseFailure) -> Command.Kind {
        try openCall()
        var level = 4
        if let number = takeSignedNumber() {
            level = number
            try expect(",", "after the level")
        } else if case .string(let bytes) = kind, peek().kind == .symbol(",") {
            level = levelNumber(bytes, token)
            advance()
            advance()
        }
        guard let text = takeString() else { throw expected("a quoted text") }
        try closeCall("log")
        return .log(level: level, text: text)
    }

    private mutating func levelNumber(_ name: [UInt8], _ at: Token) -> Int {
        let text = String(decoding: name, as: UTF8.self)
        if let level = Self.logLevels[text] ?? Int(text) { return level }
        diagnostics.error(
            "log-level", at: at.location, "unknown log level `\(text)`",
            hint: "L_ALERT, L_CRIT, L_ERR, L_WARN, L_NOTICE, L_INFO and L_DBG are known")
        return 4
    }

    private mutating func parseError() throws(ParseFailure) -> Command.Kind {
        try openCall()
        guard let first = takeString() else { throw expected("a quoted text") }
        try expect(",", "after the first text of `error`")
        guard let second = takeString() else { throw expected("a quoted text") }
        try closeCall("error")
        return .error(first, second)
    }

    private mutating func parseXlog() throws(ParseFailure) -> Command.Kind {
        try openCall()
        var level: Command.LogLevel?
        if peek().kind == .symbol(",") {
            let levelToken = token
            if let variable = try takeVariable() {
                level = .variable(variable)
            } else if let name = takeString() {
                level = .constant(levelNumber(name, levelToken))
            } else {
                throw expected("a level in quotes", hint: "write `xlog(\"L_INFO\", \"…\")`")
            }
            advance()
        }
        let format = try takeXlogFormat()
        try closeCall("xlog")
        return .xlog(level: level, format: format)
    }

    private mutating func takeXlogFormat() throws(ParseFailure) -> FormatString {
        let start = token
        if let format = takeFoldedFormat() { return format }
        if let variable = try takeVariable() {
            return FormatString(
                location: start.location, parts: [.variable(variable)], raw: Array(source.bytes[start.range]))
        }
        throw expected("a quoted text", hint: levelHint)
    }

    private var levelHint: String? {
        if let word, Self.logLevels[word] != nil { return "put the level in quotes: \"\(word)\"" }
        return nil
    }

    // MARK: Routes

    mutating func parseRouteName() throws(ParseFailure) -> RouteName {
        let start = token
        if let format = takeFormat() {
            if let constant = format.constant {
                return .constant(String(decoding: constant, as: UTF8.self), location: start.location)
            }
            return .dynamic(format)
        }
        if let variable = try takeVariable() {
            return .dynamic(
                FormatString(
                    location: start.location, parts: [.variable(variable)], raw: Array(source.bytes[start.range])))
        }
        if case .number(let number) = kind {
            advance()
            return .constant(String(number), location: start.location)
        }
        guard let word else { throw expected("the name of a route") }
        if ReservedWords.all.contains(word) {
            diagnostics.error(
                "reserved-word", at: start.location, "`\(word)` is a reserved word and cannot name a route",
                hint: "put it in quotes: \"\(word)\"")
        }
        advance()
        if isSymbol("-") || isSymbol(".") {
            let rest = takeAdjacentText(stoppingAt: []).map { String(decoding: $0, as: UTF8.self) } ?? ""
            diagnostics.error(
                "route-name", at: location(from: start), "the name of a route has letters, digits and `_` only",
                hint: "put it in quotes: \"\(word)\(rest)\"")
            return .constant(word + rest, location: location(from: start))
        }
        return .constant(word, location: start.location)
    }

    private mutating func parseRouteCall() throws(ParseFailure) -> Command.Kind {
        let start = token
        try openCall()
        let name = try parseRouteName()
        var arguments: [Argument] = []
        while takeSymbol(",") { arguments.append(try parseArgument(of: "route")) }
        try closeCall("route")
        if arguments.count > limits.argumentsMax - 1 {
            throw fail(
                "too-many-arguments", at: location(from: start),
                "`route` takes at most \(limits.argumentsMax - 1) arguments after the name")
        }
        return .route(name, arguments: arguments)
    }

    private mutating func parseAsync() throws(ParseFailure) -> Command.Kind {
        try openCall()
        let call = try parseFunctionCall()
        try expect(",", "after the function", hint: "the form is `async(function(…), resume_route)`")
        let resume = try parseRouteName()
        var timeout: Argument?
        if takeSymbol(",") {
            let start = token
            timeout = try parseArgument(of: "async")
            if case .string = timeout?.kind {
                throw fail("argument-type", at: start.location, "the timeout of `async` is a number of seconds")
            }
        }
        try closeCall("async")
        return .async(call, resume: resume, timeout: timeout)
    }

    private mutating func parseLaunch() throws(ParseFailure) -> Command.Kind {
        try openCall()
        let call = try parseFunctionCall()
        var report: RouteName?
        var parameter: FormatString?
        if takeSymbol(",") {
            report = try parseRouteName()
            if takeSymbol(",") { parameter = try takeXlogFormat() }
        }
        try closeCall("launch")
        return .launch(call, report: report, parameter: parameter)
    }
}
