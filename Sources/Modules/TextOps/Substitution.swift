import Bytes
import RouteRuntime

/// A substitution in the manner of sed: `/pattern/replacement/flags`. The first character is the delimiter.
struct Substitution {
    private enum Piece {
        case text(ByteString)
        case group(Int)
    }

    private let pattern: RegularExpression
    private let pieces: [Piece]
    let isGlobal: Bool

    /// Nil when `text` is no substitution.
    init?(_ text: ByteString) {
        guard text.count >= 4, let delimiter = text.first else { return nil }
        var ends: [Int] = []
        var index = 1
        while index < text.count, ends.count < 2 {
            if text[index] == ASCII.backslash {
                index += 2
                continue
            }
            if text[index] == delimiter { ends.append(index) }
            index += 1
        }
        guard ends.count == 2 else { return nil }
        let flags = text.dropFirst(ends[1] + 1)
        var ignoresCase = false
        var spansLines = false
        var isGlobal = false
        for flag in flags.elements {
            switch flag {
            case UInt8(ascii: "i"): ignoresCase = true
            case UInt8(ascii: "g"): isGlobal = true
            case UInt8(ascii: "s"): spansLines = true
            default: return nil
            }
        }
        self.isGlobal = isGlobal
        let expression = Self.unescaped(text.slice(1..<ends[0]), delimiter)
        guard let pattern = RegularExpression(expression, ignoringCase: ignoresCase, multiline: !spansLines) else {
            return nil
        }
        self.pattern = pattern
        pieces = Self.pieces(text.slice((ends[0] + 1)..<ends[1]), delimiter)
    }

    /// The ranges to replace, in order, with their new texts; at most `countMax`. `uri` stands for `\u`.
    func replacements(
        in text: ByteString, uri: ByteString, countMax: Int
    ) -> [(range: Range<Int>, text: ByteString)] {
        var found: [(range: Range<Int>, text: ByteString)] = []
        var start = 0
        while start <= text.count, found.count < countMax,
            let groups = pattern.firstMatch(in: text, from: start), let whole = groups[0]
        {
            var writer = ByteWriter(reserving: 64)
            for piece in pieces {
                switch piece {
                case .text(let literal): writer.append(literal)
                case .group(-1): writer.append(uri)
                case .group(let number):
                    if number < groups.count, let range = groups[number] { writer.append(text.slice(range)) }
                }
            }
            found.append((whole, writer.finishText()))
            guard isGlobal else { break }
            // An empty match would be found again at its own place.
            start = whole.isEmpty ? whole.upperBound + 1 : whole.upperBound
        }
        return found
    }

    private static func unescaped(_ text: ByteString, _ delimiter: UInt8) -> ByteString {
        var writer = ByteWriter(reserving: text.count)
        var index = 0
        while index < text.count {
            if text[index] == ASCII.backslash, index + 1 < text.count, text[index + 1] == delimiter { index += 1 }
            writer.append(text[index])
            index += 1
        }
        return writer.finishText()
    }

    /// `\0`…`\9` are groups, `\u` the request URI, `\n \r \t` and escaped characters themselves.
    private static func pieces(_ text: ByteString, _ delimiter: UInt8) -> [Piece] {
        var pieces: [Piece] = []
        var literal = ByteWriter()
        func flush() {
            if literal.count > 0 { pieces.append(.text(ByteString(literal.bytes))) }
            literal.removeAll()
        }
        var index = 0
        while index < text.count {
            guard text[index] == ASCII.backslash, index + 1 < text.count else {
                literal.append(text[index])
                index += 1
                continue
            }
            let next = text[index + 1]
            index += 2
            switch next {
            case UInt8(ascii: "u"):
                flush()
                pieces.append(.group(-1))
            case _ where ASCII.isDigit(next):
                flush()
                pieces.append(.group(Int(next - 48)))
            case UInt8(ascii: "n"): literal.append(ASCII.lineFeed)
            case UInt8(ascii: "r"): literal.append(ASCII.carriageReturn)
            case UInt8(ascii: "t"): literal.append(ASCII.tab)
            default: literal.append(next)
            }
        }
        flush()
        return pieces
    }
}

extension ByteString {
    /// With ranges, which are in order and apart, replaced.
    func replacing(_ replacements: [(range: Range<Int>, text: ByteString)]) -> ByteString {
        var writer = ByteWriter(reserving: count + replacements.reduce(0) { $0 + $1.text.count })
        var cursor = 0
        for (range, text) in replacements {
            writer.append(slice(cursor..<range.lowerBound))
            writer.append(text)
            cursor = range.upperBound
        }
        writer.append(dropFirst(cursor))
        return writer.finishText()
    }
}
