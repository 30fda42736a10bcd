/// Takes variables apart: `$name(inner)` and `$(<context>name(inner)[index]{transformation}…)`.
///
/// Recursion (variables within variables) is bounded by `depthMax`.
struct VariableParser {
    static let depthMax = 16

    let text: ScriptText
    let depth: Int
    /// Warnings; a problem that makes the variable unusable is thrown.
    var warnings: [Diagnostic] = []

    init(text: ScriptText, depth: Int = 0) {
        self.text = text
        self.depth = depth
    }

    private var bytes: [UInt8] { text.bytes }

    /// The variable that begins with the `$` at `start`. `isInString`: it ends where its form ends, what follows is text;
    /// otherwise it must reach `end`.
    mutating func parse(
        at start: Int, end: Int, isInString: Bool
    ) throws(Diagnostic) -> (variable: Variable, end: Int) {
        guard depth < Self.depthMax else {
            throw problem("variable-depth", start..<end, "more than \(Self.depthMax) variables within one another")
        }
        var index = start + 1
        if index < end, bytes[index] == UInt8(ascii: "(") {
            let close = try closing(index, end: end)
            return (try parseEnclosed(start, index + 1, close), close + 1)
        }
        let name = takeName(&index, end: end, stripsTrailingDots: isInString)
        guard !name.isEmpty else {
            throw problem(
                "bad-variable", start..<min(end, start + 2), "a variable needs a name after `$`",
                hint: isInString ? "write `$$` for a dollar sign" : nil)
        }
        var inner: FormatString?
        if index < end, bytes[index] == UInt8(ascii: "(") {
            let close = try closing(index, end: end)
            inner = try parseInner(index + 1, close)
            index = close + 1
        }
        let variable = Variable(location: text.location(start..<index), name: name, inner: inner)
        if index < end { try noteTrailing(name, start, index, end, isInString) }
        return (variable, isInString ? index : end)
    }

    /// Text right after `$name`: transformations and indexes that need the `$( )` form.
    private mutating func noteTrailing(
        _ name: String, _ start: Int, _ index: Int, _ end: Int, _ isInString: Bool
    ) throws(Diagnostic) {
        let next = bytes[index]
        guard next == UInt8(ascii: "{") || next == UInt8(ascii: "[") else {
            if isInString { return }
            throw problem(
                "bad-variable", index..<end,
                "unexpected `\(String(decoding: bytes[index..<end], as: UTF8.self))` after a variable")
        }
        let close: UInt8 = next == UInt8(ascii: "{") ? UInt8(ascii: "}") : UInt8(ascii: "]")
        guard let closeIndex = bytes[index..<end].firstIndex(of: close) else { return }
        let suffix = String(decoding: bytes[index...closeIndex], as: UTF8.self)
        let written = String(decoding: bytes[(start + 1)..<index], as: UTF8.self)
        // In a string any bracket may follow; only what looks like a transformation is worth a word.
        if isInString, !(next == UInt8(ascii: "{") && suffix.contains(".")) { return }
        warnings.append(
            Diagnostic(
                .warning, "ignored-suffix", at: text.location(index..<(closeIndex + 1)),
                isInString
                    ? "`\(suffix)` after `$\(written)` is plain text here"
                    : "`\(suffix)` after `$\(written)` is ignored",
                hint: "write `$(\(written)\(suffix))`"))
    }

    private mutating func parseEnclosed(_ start: Int, _ from: Int, _ end: Int) throws(Diagnostic) -> Variable {
        var index = from
        skipBlanks(&index, end)
        let context = try takeContext(&index, end)
        skipBlanks(&index, end)
        let nameStart = index
        let name = takeName(&index, end: end, stripsTrailingDots: false)
        guard !name.isEmpty else {
            throw problem("bad-variable", start..<(end + 1), "`$( )` needs the name of a variable")
        }
        var inner: FormatString?
        if index < end, bytes[index] == UInt8(ascii: "(") {
            let close = try closing(index, end: end)
            inner = try parseInner(index + 1, close)
            index = close + 1
        }
        skipBlanks(&index, end)
        var variableIndex: Variable.Index?
        if index < end, bytes[index] == UInt8(ascii: "[") {
            let close = try closing(index, end: end)
            variableIndex = try parseIndex(index + 1, close)
            index = close + 1
        }
        var transformations: [Transformation] = []
        skipBlanks(&index, end)
        while index < end, bytes[index] == UInt8(ascii: "{") {
            let close = try closing(index, end: end)
            transformations.append(try parseTransformation(index, close))
            index = close + 1
            skipBlanks(&index, end)
        }
        guard index == end else {
            let rest = String(decoding: bytes[index..<end], as: UTF8.self)
            let isDollar = nameStart < end && bytes[nameStart] == UInt8(ascii: "$")
            throw problem(
                "bad-variable", index..<end, "unexpected `\(rest)` in a variable",
                hint: isDollar ? nil : "the form is `$(name(inner)[index]{transformation})`")
        }
        return Variable(
            location: text.location(start..<(end + 1)), context: context, name: name, inner: inner,
            index: variableIndex, transformations: transformations)
    }

    private func takeContext(_ index: inout Int, _ end: Int) throws(Diagnostic) -> Variable.ContextPrefix? {
        guard index < end, bytes[index] == UInt8(ascii: "<") else { return nil }
        let close = bytes[index..<end].firstIndex(of: UInt8(ascii: ">")) ?? end
        let word = String(decoding: bytes[(index + 1)..<close], as: UTF8.self)
        guard close < end, let context = Variable.ContextPrefix(rawValue: word) else {
            throw problem(
                "bad-context", index..<min(end, close + 1), "unknown context `<\(word)>`",
                hint: "`<request>` and `<reply>` are known")
        }
        index = close + 1
        return context
    }

    private func takeName(_ index: inout Int, end: Int, stripsTrailingDots: Bool) -> String {
        let start = index
        while index < end, bytes[index].isWordByte || bytes[index] == UInt8(ascii: ".") { index += 1 }
        if stripsTrailingDots {
            while index > start, bytes[index - 1] == UInt8(ascii: ".") { index -= 1 }
        }
        return String(decoding: bytes[start..<index], as: UTF8.self)
    }

    private mutating func parseInner(_ from: Int, _ end: Int) throws(Diagnostic) -> FormatString {
        guard bytes[from..<end].contains(UInt8(ascii: "$")) else {
            return FormatString(location: text.location(from..<end), literal: Array(bytes[from..<end]))
        }
        let format = FormatStringParser(text: text, range: from..<end, depth: depth + 1).parse()
        if let problem = format.problems.first(where: { $0.severity == .error }) { throw problem }
        return format
    }

    private mutating func parseIndex(_ from: Int, _ end: Int) throws(Diagnostic) -> Variable.Index {
        var lower = from
        var upper = end
        skipBlanks(&lower, end)
        while upper > lower, bytes[upper - 1].isBlank { upper -= 1 }
        let word = String(decoding: bytes[lower..<upper], as: UTF8.self)
        if word == "*" { return .all }
        if word == "append" { return .append }
        if let suffix = ["/active", "/all"].first(where: { word.hasSuffix($0) }) {
            throw problem(
                "bad-index", from..<end, "SIPRay does not have the index suffix `\(suffix)`",
                hint: "an index counts all branches of the transaction, the last is -1: leave `\(suffix)` out")
        }
        if lower < upper, bytes[lower] == UInt8(ascii: "$") {
            var parser = VariableParser(text: text, depth: depth + 1)
            return .variable(try parser.parse(at: lower, end: upper, isInString: false).variable)
        }
        guard let number = Int32(word) else {
            throw problem(
                "bad-index", from..<end, "`\(word)` is not an index",
                hint: "an index is a number (negative: from the end), `*` for all, or a variable")
        }
        return .number(Int(number))
    }

    private mutating func parseTransformation(_ open: Int, _ close: Int) throws(Diagnostic) -> Transformation {
        var index = open + 1
        skipBlanks(&index, close)
        let head = index
        while index < close, bytes[index] != UInt8(ascii: ",") { index += 1 }
        var headEnd = index
        while headEnd > head, bytes[headEnd - 1].isBlank { headEnd -= 1 }
        guard let dot = bytes[head..<headEnd].firstIndex(of: UInt8(ascii: ".")), dot > head, dot + 1 < headEnd else {
            throw problem(
                "bad-transformation", open..<(close + 1),
                "`\(String(decoding: bytes[open...close], as: UTF8.self))` is not a transformation",
                hint: "the form is `{class.name,argument}`, such as `{uri.user}`")
        }
        let family = String(decoding: bytes[head..<dot], as: UTF8.self)
        let name = String(decoding: bytes[(dot + 1)..<headEnd], as: UTF8.self)
        var arguments: [FormatString] = []
        if index < close {
            for range in argumentRanges(index + 1, close, family, name) { arguments.append(try parseArgument(range)) }
        }
        return Transformation(
            location: text.location(open..<(close + 1)), family: family, name: name, arguments: arguments)
    }

    /// Cuts at commas outside brackets. `s.select` takes the rest as its second argument, because that may be a comma;
    /// `re.subst` takes all of it as one.
    private func argumentRanges(_ from: Int, _ end: Int, _ family: String, _ name: String) -> [Range<Int>] {
        let whole = family == "re"
        let countMax = whole ? 1 : (family == "s" && name == "select") ? 2 : Int.max
        var ranges: [Range<Int>] = []
        var start = from
        var level = 0
        for index in from..<end where ranges.count + 1 < countMax {
            switch bytes[index] {
            case UInt8(ascii: "("), UInt8(ascii: "{"): level += 1
            case UInt8(ascii: ")"), UInt8(ascii: "}"): level -= 1
            case UInt8(ascii: ",") where level == 0:
                ranges.append(trimmed(start, index))
                start = index + 1
            default: break
            }
        }
        let keepsBlanks = whole || (countMax == 2 && ranges.count == 1)
        ranges.append(keepsBlanks ? start..<end : trimmed(start, end))
        return ranges
    }

    private func trimmed(_ from: Int, _ end: Int) -> Range<Int> {
        var lower = from
        var upper = end
        while lower < upper, bytes[lower].isBlank { lower += 1 }
        while upper > lower, bytes[upper - 1].isBlank { upper -= 1 }
        return lower..<upper
    }

    private mutating func parseArgument(_ range: Range<Int>) throws(Diagnostic) -> FormatString {
        let location = text.location(range)
        guard !range.isEmpty, bytes[range.lowerBound] == UInt8(ascii: "$") else {
            return FormatString(location: location, literal: Array(bytes[range]))
        }
        var parser = VariableParser(text: text, depth: depth + 1)
        let (variable, end) = try parser.parse(at: range.lowerBound, end: range.upperBound, isInString: true)
        guard end == range.upperBound else { return FormatString(location: location, literal: Array(bytes[range])) }
        return FormatString(location: location, parts: [.variable(variable)], raw: Array(bytes[range]))
    }

    /// The bracket that closes the one at `open`.
    private func closing(_ open: Int, end: Int) throws(Diagnostic) -> Int {
        let opening = bytes[open]
        let closing: UInt8 =
            opening == UInt8(ascii: "(")
            ? UInt8(ascii: ")") : opening == UInt8(ascii: "[") ? UInt8(ascii: "]") : UInt8(ascii: "}")
        var level = 0
        for index in open..<end {
            if bytes[index] == opening { level += 1 }
            if bytes[index] == closing {
                level -= 1
                if level == 0 { return index }
            }
        }
        let shown = String(decoding: [opening], as: UTF8.self)
        throw problem("unterminated-variable", open..<(open + 1), "this `\(shown)` of a variable is never closed")
    }

    private func skipBlanks(_ index: inout Int, _ end: Int) {
        while index < end, bytes[index].isBlank { index += 1 }
    }

    private func problem(_ code: String, _ range: Range<Int>, _ message: String, hint: String? = nil) -> Diagnostic {
        Diagnostic(.error, code, at: text.location(range), message, hint: hint)
    }
}

extension Diagnostic: Error {}

extension UInt8 {
    var isBlank: Bool { self == 0x20 || self == 0x09 || self == 0x0A || self == 0x0D }
}
