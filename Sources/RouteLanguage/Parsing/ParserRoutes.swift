/// Route blocks.
extension Parser {
    mutating func parseRoute() throws(ParseFailure) {
        let start = token
        guard let word, let kind = RouteKind.allCases.first(where: { $0.keyword == word }) else {
            throw expected("a route")
        }
        advance()
        var name: String?
        var nameLocation = start.location
        var interval: Int?
        if takeSymbol("[") {
            nameLocation = token.location
            name = try parseRouteBlockName()
            if kind == .timer {
                try expect(",", "after the name", hint: "a timer route is `timer_route[NAME, SECONDS]`")
                let intervalToken = token
                guard let seconds = takeSignedNumber() else { throw expected("a number of seconds") }
                guard seconds > 0 else {
                    throw fail(
                        "timer-interval", at: intervalToken.location, "a timer route runs every 1 or more seconds")
                }
                interval = seconds
            }
            if kind == .event, isSymbol(","), case .identifier(let mode) = peek().kind,
                ["sync", "async"].contains(mode)
            {
                throw fail(
                    "event-mode", at: peek().location, "an event route has no `\(mode)` any more",
                    hint: "write `event_route[\(name ?? "EVENT")]`: it runs by itself, not within what raised the event"
                )
            }
            try expect("]", "after the name of the route")
        }
        try checkNaming(kind, name, start, nameLocation)
        if name == "0", kind == .request || kind == .onreply { name = nil }
        let body = try parseRouteBody(kind)
        tree.routes.append(
            RouteDefinition(
                location: start.location, kind: kind, name: name, nameLocation: nameLocation, intervalSeconds: interval,
                body: body))
    }

    /// Identifier, number or string. Reserved words need quotes, as in the peer.
    private mutating func parseRouteBlockName() throws(ParseFailure) -> String {
        let nameToken = token
        switch kind {
        case .string(let bytes):
            advance()
            return String(decoding: bytes, as: UTF8.self)
        case .number(let number):
            advance()
            return String(number)
        case .identifier(let word):
            if ReservedWords.all.contains(word) {
                diagnostics.error(
                    "reserved-word", at: nameToken.location, "`\(word)` is a reserved word and cannot name a route",
                    hint: "put it in quotes: `[\"\(word)\"]`, also where the route is called")
            }
            advance()
            if isSymbol("-") || isSymbol(".") {
                let text = takeAdjacentText(stoppingAt: []).map { String(decoding: $0, as: UTF8.self) } ?? ""
                diagnostics.error(
                    "route-name", at: location(from: nameToken), "the name of a route has letters, digits and `_` only",
                    hint: "put it in quotes: `[\"\(word)\(text)\"]`, also where the route is called")
                return word + text
            }
            return word
        default: throw expected("the name of a route")
        }
    }

    private mutating func checkNaming(
        _ kind: RouteKind, _ name: String?, _ start: Token, _ nameLocation: SourceLocation
    ) throws(ParseFailure) {
        switch kind {
        case .failure, .branch, .timer, .event:
            guard name == nil else { return }
            let form =
                kind == .timer ? "timer_route[NAME, SECONDS]" : "\(kind.keyword)[\(kind == .event ? "EVENT" : "NAME")]"
            throw fail(
                "route-name", at: start.location, "`\(kind.keyword)` needs a name", hint: "write `\(form) { … }`")
        case .error, .local, .startup:
            guard name != nil else { return }
            diagnostics.error(
                "route-name", at: nameLocation, "`\(kind.keyword)` has no name: there is only one",
                hint: "write `\(kind.keyword) { … }`")
        case .request, .onreply: break
        }
    }

    private mutating func parseRouteBody(_ kind: RouteKind) throws(ParseFailure) -> [Statement] {
        let open = token
        try expect("{", "to open the route")
        if isSymbol("}") {
            diagnostics.error(
                "empty-route", at: source.location(open.range.lowerBound..<token.range.upperBound),
                "a route needs at least one statement", hint: "write `exit;` in it, or leave the route out")
            advance()
            return []
        }
        breakTargets = 0
        depth = 0
        let body = parseStatements(openedAt: open)
        if !takeSymbol("}") { reportUnclosed(open) }
        return body
    }

    mutating func reportUnclosed(_ open: Token) {
        let where_ = self.kind == .end ? "the end of the file" : "`\(tokenText(token))`"
        var diagnostic = Diagnostic(
            .error, "unclosed-block", at: endOfPrevious, "expected `}`, found \(where_)",
            hint: "a block that was opened before is not closed")
        diagnostic.notes = [Diagnostic.Note(location: open.location, message: "the block was opened here")]
        if !isAborted { diagnostics.add(diagnostic) }
    }
}
