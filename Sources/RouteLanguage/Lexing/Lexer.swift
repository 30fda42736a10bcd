/// Cuts the spliced text into tokens. Never fails: what it cannot read is reported and skipped.
///
/// Time is linear in the length of the text.
struct Lexer {
    let source: SplicedSource
    var position = 0
    var tokens: [Token] = []
    var diagnostics: DiagnosticList
    private var hasSpace = true
    private var atLineStart = true

    init(source: SplicedSource, diagnostics: DiagnosticList) {
        self.source = source
        self.diagnostics = diagnostics
    }

    /// Operators of two bytes, the first byte in the upper half.
    private static let longSymbols: [UInt16: String] = {
        let all = [
            "<<", ">>", "==", "!=", "<=", ">=", "=~", "!~", ":=", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "&&",
            "||",
        ]
        return Dictionary(
            uniqueKeysWithValues: all.map { text in (text.utf8.reduce(0) { $0 << 8 | UInt16($1) }, text) })
    }()

    private static let shortSymbols: [UInt8: String] = Dictionary(
        uniqueKeysWithValues: "=<>!+-*/%&|^~()[]{};,:.@".utf8.map { ($0, String(decoding: [$0], as: UTF8.self)) })

    /// All tokens; the last is `end`.
    mutating func run() -> [Token] {
        while skipBlanksAndComments() { lexToken() }
        let end = source.bytes.isEmpty ? 0 : source.bytes.count - 1
        append(.end, end..<source.bytes.count)
        return tokens
    }

    func byte(_ offset: Int) -> UInt8 { offset < source.bytes.count ? source.bytes[offset] : 0 }

    mutating func append(_ kind: Token.Kind, _ range: Range<Int>, offsets: [Int32]? = nil) {
        tokens.append(
            Token(
                kind: kind, range: range, location: source.location(range), hasSpaceBefore: hasSpace,
                startsLine: atLineStart, offsets: offsets))
        hasSpace = false
        atLineStart = false
        position = range.upperBound
    }

    private mutating func lexToken() {
        let start = position
        let first = byte(start)
        switch first {
        case UInt8(ascii: "\""): lexDoubleQuoted()
        case UInt8(ascii: "'"): lexSingleQuoted()
        case UInt8(ascii: "$"): lexVariable()
        case _ where lexAddress(): break
        case _ where first.isLetter: lexWord()
        case _ where first.isDigit: lexNumber()
        default: lexSymbol()
        }
    }

    private mutating func lexWord() {
        var end = position
        while byte(end).isWordByte { end += 1 }
        let word = String(decoding: source.bytes[position..<end], as: UTF8.self)
        if let number = ReservedWords.numbers[word] {
            append(.number(number), position..<end)
        } else if word == "null" || word == "NULL" {
            append(.null, position..<end)
        } else {
            append(.identifier(word), position..<end)
        }
    }

    private mutating func lexSymbol() {
        if let symbol = Self.longSymbols[UInt16(byte(position)) << 8 | UInt16(byte(position + 1))] {
            return append(.symbol(symbol), position..<(position + 2))
        }
        if let symbol = Self.shortSymbols[byte(position)] {
            return append(.symbol(symbol), position..<(position + 1))
        }
        let start = position
        var end = position + 1
        while end < source.bytes.count, byte(end) & 0xC0 == 0x80 { end += 1 }
        let shown = String(decoding: source.bytes[start..<end], as: UTF8.self)
        let isNameStart = byte(start) == UInt8(ascii: "_")
        diagnostics.error(
            "unexpected-character", at: source.location(start..<end),
            isNameStart ? "a name cannot begin with `_`" : "unexpected character `\(shown)`",
            hint: isNameStart ? "names begin with a letter; put the name in quotes if it must be so" : nil)
        position = end
        if isNameStart, byte(end).isWordByte { lexWord() }
    }

    /// Whether there is more.
    private mutating func skipBlanksAndComments() -> Bool {
        let bytes = source.bytes
        while position < bytes.count {
            switch bytes[position] {
            case 0x0A:
                atLineStart = true
                hasSpace = true
                position += 1
            case 0x20, 0x09, 0x0D, 0x0B, 0x0C:
                hasSpace = true
                position += 1
            case UInt8(ascii: "#"):
                skipLineComment()
            case UInt8(ascii: "/") where byte(position + 1) == UInt8(ascii: "*"):
                skipBlockComment()
            default:
                return true
            }
        }
        return false
    }

    private mutating func skipLineComment() {
        let start = position
        while position < source.bytes.count, source.bytes[position] != 0x0A { position += 1 }
        hasSpace = true
        guard byte(start + 1) == UInt8(ascii: "!") else { return }
        var end = start + 2
        while byte(end).isWordByte { end += 1 }
        let word = String(decoding: source.bytes[(start + 2)..<end], as: UTF8.self)
        guard OldHabits.directives.contains(word) else { return }
        diagnostics.warn(
            "kamailio-directive", at: source.location(start..<end),
            "`#!\(word)` is a directive of Kamailio; here it is a comment and does nothing",
            hint: "use a preprocessor such as m4 before SIPRay reads the file, or `include_file`")
    }

    private mutating func skipBlockComment() {
        let start = position
        var depth = 0
        hasSpace = true
        while position < source.bytes.count {
            if byte(position) == UInt8(ascii: "/"), byte(position + 1) == UInt8(ascii: "*") {
                depth += 1
                position += 2
            } else if byte(position) == UInt8(ascii: "*"), byte(position + 1) == UInt8(ascii: "/") {
                depth -= 1
                position += 2
                if depth == 0 { return }
            } else {
                if byte(position) == 0x0A { atLineStart = true }
                position += 1
            }
        }
        diagnostics.error(
            "unterminated-comment", at: source.location(start..<(start + 2)), "this comment is never closed",
            hint: "comments nest: each `/*` needs its own `*/`")
    }
}

extension UInt8 {
    var isLetter: Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(self | 0x20)
    }
    var isDigit: Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self) }
    var isWordByte: Bool { isLetter || isDigit || self == UInt8(ascii: "_") }
    /// The value of a hexadecimal digit, nil for other bytes.
    var hexDigitValue: Int? {
        if isDigit { return Int(self) - 48 }
        let lower = self | 0x20
        return (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(lower) ? Int(lower) - 87 : nil
    }
}
