/// Recurrences joined by `&`, `/`, `!` and parentheses, as `check_time_rec()` takes them.
///
/// Read from left to right; `&` and `/` have one level, as all operators of the route script.
struct TimeSchedule: Sendable {
    private indirect enum Term: Sendable {
        case recurrence(TimeRecurrence)
        case not(Term)
        case and(Term, Term)
        case or(Term, Term)
    }

    /// Nesting of parentheses and negations that is still read.
    private static let depthMax = 32

    private let root: Term

    /// Nil when the text is no schedule.
    init?(_ text: String) {
        var rest = text[...]
        guard let root = Self.expression(&rest, depth: 0), Self.skipBlanks(&rest).isEmpty else { return nil }
        self.root = root
    }

    /// Whether the Unix second `now` lies in it.
    func contains(_ now: Int) -> Bool { Self.evaluate(root, now) }

    private static func evaluate(_ term: Term, _ now: Int) -> Bool {
        switch term {
        case .recurrence(let recurrence): recurrence.contains(now)
        case .not(let term): !evaluate(term, now)
        case .and(let a, let b): evaluate(a, now) && evaluate(b, now)
        case .or(let a, let b): evaluate(a, now) || evaluate(b, now)
        }
    }

    private static func expression(_ rest: inout Substring, depth: Int) -> Term? {
        guard var left = term(&rest, depth: depth) else { return nil }
        while let sign = skipBlanks(&rest).first, sign == "&" || sign == "/" {
            rest = rest.dropFirst()
            guard let right = term(&rest, depth: depth) else { return nil }
            left = sign == "&" ? .and(left, right) : .or(left, right)
        }
        return left
    }

    private static func term(_ rest: inout Substring, depth: Int) -> Term? {
        guard depth < depthMax else { return nil }
        switch skipBlanks(&rest).first {
        case "!":
            rest = rest.dropFirst()
            return term(&rest, depth: depth + 1).map { .not($0) }
        case "(":
            rest = rest.dropFirst()
            guard let inner = expression(&rest, depth: depth + 1), skipBlanks(&rest).first == ")" else { return nil }
            rest = rest.dropFirst()
            return inner
        default:
            return recurrence(&rest)
        }
    }

    /// One recurrence ends before an operator. The `/` inside a zone name, before the first `|`, is not one.
    private static func recurrence(_ rest: inout Substring) -> Term? {
        var end = rest.startIndex
        var isBehindBar = !(rest.first?.isLetter ?? false)
        while end < rest.endIndex {
            let character = rest[end]
            if character == "|" { isBehindBar = true }
            if character == "&" || character == ")" || character == "!" || (character == "/" && isBehindBar) { break }
            end = rest.index(after: end)
        }
        let text = rest[..<end]
        rest = rest[end...]
        return TimeRecurrence(text).map { .recurrence($0) }
    }

    @discardableResult
    private static func skipBlanks(_ rest: inout Substring) -> Substring {
        rest = rest.drop { $0.isWhitespace }
        return rest
    }
}
