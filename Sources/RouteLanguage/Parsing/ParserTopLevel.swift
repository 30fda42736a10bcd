/// Everything outside routes.
extension Parser {
    mutating func parseScript() {
        while kind != .end {
            do throws(ParseFailure) {
                try parseTopLevelItem()
            } catch {
                recoverAtTopLevel()
            }
        }
    }

    private mutating func parseTopLevelItem() throws(ParseFailure) {
        guard let word else { throw unexpectedAtTopLevel() }
        switch word {
        case _ where ReservedWords.blocks.contains(word): try parseRoute()
        case "loadmodule": try parseLoadModule()
        case "modparam": try parseModuleParameter()
        case "socket": try parseSocketAssignment()
        case "alias": try parseAliases()
        case "auto_scaling_profile": try parseAutoScalingProfile()
        case "dst_blacklist": try parseBlacklists()
        case "include_file", "import_file":
            throw fail(
                "bad-include", at: token.location, "`\(word)` needs a line of its own with a quoted file name",
                hint: "write `\(word) \"file.cfg\"` and nothing else on that line")
        case "mem" where peek().kind == .symbol("-"): try parseMemoryGroup()
        default: try parseGlobal(word)
        }
    }

    private mutating func unexpectedAtTopLevel() -> ParseFailure {
        let start = token
        if isSymbol("/"), peek().kind == .symbol("/"), !peek().hasSpaceBefore {
            return fail("slash-comment", at: start.location, "`//` is not a comment here", hint: "write `#` or `/* */`")
        }
        if isSymbol(";") {
            let isAfterBlock = index > 0 && previous.kind == .symbol("}")
            return fail(
                "stray-semicolon", at: start.location, "unexpected `;` outside routes",
                hint: isAfterBlock ? "a route ends with `}` alone" : "lines outside routes have no `;`")
        }
        if isSymbol("}") {
            return fail(
                "stray-brace", at: start.location, "this `}` closes nothing", hint: "is there a `}` too many before it?"
            )
        }
        return fail(
            "syntax", at: start.location,
            "expected a parameter, loadmodule, modparam or a route, found `\(tokenText(start))`")
    }

    /// Skips to the next line that looks like the begin of something.
    private mutating func recoverAtTopLevel() {
        var level = 0
        var isFirst = true
        while kind != .end {
            if !isFirst, token.startsLine, level <= 0, looksLikeTopLevel { return }
            if isSymbol("{") { level += 1 }
            if isSymbol("}") { level -= 1 }
            let wasSemicolon = isSymbol(";")
            isFirst = false
            advance()
            // `udp_workers = 4;` was reported; what follows on the line is new.
            if wasSemicolon, level <= 0, looksLikeTopLevel { return }
        }
    }

    private var looksLikeTopLevel: Bool {
        guard let word else { return false }
        if ReservedWords.topLevel.contains(word) { return true }
        if ReservedWords.blocks.contains(word) { return peek().kind != .symbol("(") }
        return peek().kind == .symbol("=")
    }

    // MARK: Global parameters

    private mutating func parseGlobal(_ name: String) throws(ParseFailure) {
        let start = token
        guard peek().kind == .symbol("=") else { throw notAGlobal(name) }
        guard let declaration = GlobalParameterTable.byName[name] else {
            throw fail(
                "unknown-parameter", at: start.location, "unknown global parameter `\(name)`",
                hint: OldHabits.removedParameters[name].map { "\($0) (`\(name)` is gone since OpenSIPS 3)" }
                    ?? Suggestions.closest(to: name, in: GlobalParameterTable.byName.keys.sorted()).map {
                        "did you mean `\($0)`?"
                    })
        }
        advance()
        advance()
        let valueStart = token
        if declaration.type == .stringList {
            repeat {
                let item = token
                guard let value = takeString() else { throw expected("a quoted string") }
                add(name, .string(value), start, item)
            } while takeSymbol(":")
            return
        }
        let value = try parseGlobalValue(declaration)
        add(name, value, start, valueStart)
        if ["udp_workers", "tcp_workers", "timer_workers"].contains(name), isWord("use_auto_scaling_profile") {
            advance()
            tree.globals[tree.globals.count - 1].autoScalingProfile = try takeName("the name of a profile")
        }
    }

    private mutating func add(_ name: String, _ value: ConstantValue, _ start: Token, _ valueStart: Token) {
        tree.globals.append(
            GlobalAssignment(
                location: start.location, name: name, value: value, valueLocation: location(from: valueStart)))
    }

    private mutating func notAGlobal(_ name: String) -> ParseFailure {
        let start = token
        let candidates = ReservedWords.blocks.union(ReservedWords.topLevel).union(GlobalParameterTable.byName.keys)
        if peek().kind == .symbol("(") {
            return fail(
                "statement-outside-route", at: start.location, "`\(name)(…)` stands outside of every route",
                hint: "is there a `}` too many before it?")
        }
        return fail(
            "syntax", at: start.location, "unexpected `\(name)` outside routes",
            hint: Suggestions.closest(to: name, in: candidates.sorted()).map { "did you mean `\($0)`?" }
                ?? OldHabits.removedParameters[name])
    }

    private mutating func parseGlobalValue(_ declaration: GlobalParameterDeclaration) throws(ParseFailure)
        -> ConstantValue
    {
        let start = token
        switch declaration.type {
        case .integer, .boolean:
            if let number = takeSignedNumber() {
                if declaration.type == .boolean, number != 0, number != 1 {
                    diagnostics.warn(
                        "boolean", at: start.location, "`\(declaration.name)` is yes or no; \(number) counts as yes")
                }
                return .integer(number)
            }
            throw expected(declaration.type == .integer ? "a number" : "yes or no", hint: quotedNumberHint)
        case .string:
            if let text = takeString() { return .string(text) }
            throw expected("a quoted string")
        case .integerOrWord where isNumber:
            return .integer(takeSignedNumber() ?? 0)
        case .word, .integerOrWord, .stringList:
            if let text = takeString() { return .string(text) }
            if let text = takeAdjacentText(stoppingAt: []) { return .string(text) }
            throw expected("a word or a quoted string")
        }
    }

    private var quotedNumberHint: String? {
        guard case .string(let value) = kind else { return nil }
        let text = String(decoding: value, as: UTF8.self)
        return Int(text) != nil || ReservedWords.numbers[text] != nil ? "leave the quotes out" : nil
    }

    private var isNumber: Bool {
        if case .number = kind { return true }
        return false
    }

    /// The text of this token and of those that follow it without white space: host names, paths.
    mutating func takeAdjacentText(stoppingAt stops: Set<String>) -> [UInt8]? {
        let start = token
        while kind != .end,
            index == tokens.count - 1
                ? false : (token.range.lowerBound == start.range.lowerBound || !token.hasSpaceBefore)
        {
            switch kind {
            case .identifier, .number, .null, .address, .network: break
            case .symbol(let symbol)
            where [".", "-", "/", ":", "@", "+", "~"].contains(symbol) && !stops.contains(symbol): break
            default:
                return token.range.lowerBound == start.range.lowerBound
                    ? nil : Array(source.bytes[start.range.lowerBound..<previous.range.upperBound])
            }
            advance()
        }
        return token.range.lowerBound == start.range.lowerBound
            ? nil : Array(source.bytes[start.range.lowerBound..<previous.range.upperBound])
    }

    /// `mem-group = "interest": "core" "tm"`: names of modules for statistics of a C heap; read and kept, nothing uses it.
    private mutating func parseMemoryGroup() throws(ParseFailure) {
        let start = token
        advance()
        advance()
        guard isWord("group") else { throw expected("`group` after `mem-`") }
        advance()
        try expect("=", "after `mem-group`")
        let valueStart = token
        guard var value = takeString() else { throw expected("a quoted group name") }
        try expect(":", "after the group name")
        while let module = takeString() { value += [0x20] + module }
        add("mem-group", .string(value), start, valueStart)
    }

    // MARK: Modules

    private mutating func parseLoadModule() throws(ParseFailure) {
        let start = token
        advance()
        let pathToken = token
        guard let bytes = takeString() else {
            throw expected("a quoted module file", hint: "write `loadmodule \"tm.so\"`")
        }
        let path = String(decoding: bytes, as: UTF8.self)
        var name = path.split(separator: "/").last.map(String.init) ?? path
        if name.hasSuffix(".so") { name.removeLast(3) }
        tree.modules.append(.load(LoadModule(location: pathToken.location, path: path, name: name)))
        noteSemicolon(after: start)
    }

    private mutating func parseModuleParameter() throws(ParseFailure) {
        let start = token
        advance()
        try expect("(", "after `modparam`")
        let patternToken = token
        guard let pattern = takeString() else { throw expected("the quoted name of a module") }
        try expect(",", "after the module")
        let nameToken = token
        guard let name = takeString() else { throw expected("the quoted name of a parameter") }
        try expect(",", "after the parameter")
        let valueToken = token
        let value: ConstantValue
        if let number = takeSignedNumber() {
            value = .integer(number)
        } else if var text = takeString() {
            while let more = takeString() { text += more }
            value = .string(text)
        } else {
            throw expected("a number or a quoted string")
        }
        let valueLocation = location(from: valueToken)
        try expect(")", "after the value")
        tree.modules.append(
            .parameter(
                ModuleParameterAssignment(
                    location: location(from: start), modulePattern: String(decoding: pattern, as: UTF8.self),
                    modulePatternLocation: patternToken.location, name: String(decoding: name, as: UTF8.self),
                    nameLocation: nameToken.location, value: value, valueLocation: valueLocation)))
        noteSemicolon(after: start)
    }

    /// `modparam(…);` is refused by the peer too, but nothing else is lost by it.
    private mutating func noteSemicolon(after start: Token) {
        guard isSymbol(";") else { return }
        diagnostics.error(
            "stray-semicolon", at: token.location, "unexpected `;` outside routes",
            hint: "lines outside routes have no `;`")
        advance()
        _ = start
    }

    /// An unquoted or quoted name.
    mutating func takeName(_ what: String) throws(ParseFailure) -> String {
        if let text = takeString() { return String(decoding: text, as: UTF8.self) }
        guard let word else { throw expected(what) }
        advance()
        return word
    }
}
