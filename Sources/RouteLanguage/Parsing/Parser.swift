/// A syntax error was reported; the nearest place that can go on catches it.
struct ParseFailure: Error {}

/// Reads the tokens of a script into its syntax tree. Recursive descent with a bounded depth.
///
/// After an error it goes on at the next statement, or at the next block when the line looks like one, so that one run
/// shows all errors.
struct Parser {
    let source: SplicedSource
    let tokens: [Token]
    let limits: ScriptLimits
    var diagnostics: DiagnosticList
    var tree = SyntaxTree()
    var index = 0
    var depth = 0
    /// Set when nesting is too deep or there are too many errors: everything is at its end.
    var isAborted = false
    /// How many loops and switches surround this place.
    var breakTargets = 0

    init(source: SplicedSource, tokens: [Token], limits: ScriptLimits, diagnostics: DiagnosticList) {
        self.source = source
        self.tokens = tokens
        self.limits = limits
        self.diagnostics = diagnostics
    }

    var token: Token { isAborted ? tokens[tokens.count - 1] : tokens[index] }
    var kind: Token.Kind { token.kind }

    func peek(_ distance: Int = 1) -> Token { tokens[min(index + distance, tokens.count - 1)] }

    /// The token that was taken last.
    var previous: Token { tokens[max(0, index - 1)] }

    mutating func advance() {
        if index < tokens.count - 1 { index += 1 }
    }

    func isSymbol(_ symbol: String) -> Bool { kind == .symbol(symbol) }

    /// The identifier here, nil when there is another token.
    var word: String? {
        if case .identifier(let word) = kind { return word }
        return nil
    }

    func isWord(_ expected: String) -> Bool { word == expected }

    mutating func takeSymbol(_ symbol: String) -> Bool {
        guard isSymbol(symbol) else { return false }
        advance()
        return true
    }

    /// Takes the symbol or fails: `expected ")" after the arguments, found ";"`.
    mutating func expect(_ symbol: String, _ place: String, hint: String? = nil) throws(ParseFailure) {
        guard takeSymbol(symbol) else { throw expected("`\(symbol)` \(place)", hint: hint) }
    }

    /// Reports what should have stood here. Where the line before ends too early, it points at its end.
    mutating func expected(_ what: String, hint: String? = nil) -> ParseFailure {
        let found = kind == .end ? "the end of the file" : "`\(tokenText(token))`"
        let location = token.startsLine || kind == .end ? endOfPrevious : token.location
        return fail(
            "syntax", at: index == 0 ? token.location : location, "expected \(what), found \(found)", hint: hint)
    }

    mutating func fail(
        _ code: String, at location: SourceLocation, _ message: String, hint: String? = nil
    ) -> ParseFailure {
        if !isAborted { diagnostics.error(code, at: location, message, hint: hint) }
        if diagnostics.errorCount >= limits.diagnosticsMax { isAborted = true }
        return ParseFailure()
    }

    /// Just behind the token that was taken last.
    var endOfPrevious: SourceLocation {
        let end = previous.range.upperBound
        var location = source.location(max(0, end - 1)..<end)
        location.column += 1
        return location
    }

    func tokenText(_ token: Token) -> String {
        let text = source.bytes[token.range]
        let shown =
            text.count > 40
            ? String(decoding: text.prefix(40), as: UTF8.self) + "…" : String(decoding: text, as: UTF8.self)
        return shown.split(separator: "\n").first.map(String.init) ?? shown
    }

    /// The stretch from a token to the one that was taken last.
    func location(from start: Token) -> SourceLocation {
        source.location(start.range.lowerBound..<max(start.range.upperBound, previous.range.upperBound))
    }

    /// Runs `body` one level deeper; too deep ends the parsing.
    mutating func nested<T>(_ body: (inout Parser) throws(ParseFailure) -> T) throws(ParseFailure) -> T {
        guard depth < limits.nestingDepthMax else {
            let failure = fail(
                "nesting-depth", at: token.location,
                "more than \(limits.nestingDepthMax) blocks and parentheses within one another",
                hint: "move inner parts into routes of their own")
            isAborted = true
            throw failure
        }
        depth += 1
        defer { depth -= 1 }
        return try body(&self)
    }

    // MARK: Leaves

    /// The string here with its variables.
    mutating func takeFormat() -> FormatString? {
        guard case .string(let value) = kind else { return nil }
        let format = FormatStringParser(text: ScriptText(source: source, string: value, token: token)).parse()
        var located = format
        located.location = token.location
        advance()
        return located
    }

    /// Adjacent strings as one, where the peer folds them: xlog, xdbg.
    mutating func takeFoldedFormat() -> FormatString? {
        guard var format = takeFormat() else { return nil }
        while let next = takeFormat() {
            format.parts += next.parts
            format.raw += next.raw
            format.problems += next.problems
        }
        return format
    }

    mutating func takeString() -> [UInt8]? {
        guard case .string(let value) = kind else { return nil }
        advance()
        return value
    }

    /// `5`, `+5`, `-5`.
    mutating func takeSignedNumber() -> Int? {
        if case .number(let value) = kind {
            noteOverflow(value)
            advance()
            return value
        }
        guard isSymbol("-") || isSymbol("+"), case .number(let value) = peek().kind else { return nil }
        let isNegative = isSymbol("-")
        advance()
        advance()
        return isNegative ? Int(Int32(truncatingIfNeeded: -value)) : value
    }

    /// `2147483648` is a number only behind a minus.
    private mutating func noteOverflow(_ value: Int) {
        guard value == Int(Int32.min), source.bytes[token.range.lowerBound] == UInt8(ascii: "2") else { return }
        diagnostics.warn(
            "number-overflow", at: token.location, "2147483648 does not fit 32 bits: it becomes -2147483648",
            hint: "integers go from -2147483648 to 2147483647")
    }

    mutating func takeVariable() throws(ParseFailure) -> Variable? {
        guard kind == .variable else { return nil }
        let range = token.range
        var parser = VariableParser(text: ScriptText(source: source, range: range))
        do throws(Diagnostic) {
            let parsed = try parser.parse(at: 0, end: range.count, isInString: false)
            for warning in parser.warnings { diagnostics.add(warning) }
            advance()
            return parsed.variable
        } catch {
            diagnostics.add(error)
            // The rest of the statement can still be read; a stand-in keeps it going.
            advance()
            return Variable(location: token.location, name: Self.brokenName)
        }
    }

    /// The name of a variable whose error was reported already.
    static let brokenName = "<broken>"
}

/// What the parser hands to the checker.
struct SyntaxTree {
    var globals: [GlobalAssignment] = []
    var sockets: [SocketDefinition] = []
    var bonds: [SocketBond] = []
    var aliases: [AliasDefinition] = []
    var profiles: [AutoScalingProfile] = []
    var blacklists: [DestinationBlacklist] = []
    var modules: [TopLevelModuleItem] = []
    var routes: [RouteDefinition] = []
}

/// `loadmodule` and `modparam` in their order, which matters.
enum TopLevelModuleItem {
    case load(LoadModule)
    case parameter(ModuleParameterAssignment)
}
