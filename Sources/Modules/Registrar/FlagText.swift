import Bytes

/// Flags of a function as written: `max-contacts=5, no-reply`, or in older scripts `c5r`.
struct FlagText {
    /// The letter of each flag with its value, which is empty for most.
    private(set) var entries: [(letter: UInt8, value: ByteString)] = []

    /// Nil when a word is not one of `words`. Letters are not checked here.
    init?(_ text: ByteString, words: [(letter: UInt8, word: StaticString)]) {
        let parts = Self.words(text)
        for part in parts {
            let end = part.first(of: ASCII.equal) ?? part.count
            let name = part.prefix(end).trimmed()
            if let known = words.first(where: { name.equalsIgnoringCase($0.word) }) {
                entries.append((known.letter, part.dropFirst(end + 1).trimmed()))
            } else if parts.count == 1 {
                readLetters(part)
            } else {
                return nil
            }
        }
    }

    /// The parts between commas. A value that begins with a slash is a pattern: it goes to the slash behind which nothing but
    /// letters stands before the next comma, whatever is in between (`ua-filtering=/re{1,2}/i`).
    private static func words(_ text: ByteString) -> [ByteString] {
        var words: [ByteString] = []
        var start = 0
        while start <= text.count {
            var end = text.first(of: ASCII.comma, from: start) ?? text.count
            if let equal = text.first(of: ASCII.equal, from: start), equal < end,
                text.dropFirst(equal + 1).trimmed().first == ASCII.slash,
                let open = text.first(of: ASCII.slash, from: equal)
            {
                end = patternEnd(text, from: open + 1)
            }
            let word = text.slice(start..<end).trimmed()
            if !word.isEmpty { words.append(word) }
            start = end + 1
        }
        return words
    }

    /// The comma behind the pattern that goes on at `start`; the end of the text when there is none.
    private static func patternEnd(_ text: ByteString, from start: Int) -> Int {
        var index = start
        while let slash = text.first(of: ASCII.slash, from: index) {
            let comma = text.first(of: ASCII.comma, from: slash) ?? text.count
            if text.slice((slash + 1)..<comma).trimmed().elements.allSatisfy(ASCII.isAlpha) { return comma }
            index = slash + 1
        }
        return text.count
    }

    private mutating func readLetters(_ text: ByteString) {
        var index = 0
        while index < text.count {
            let letter = text[index]
            index += 1
            let start = index
            switch letter {
            case UInt8(ascii: "p"):
                // p0, p1, p2: the digit is the flag.
                entries.append((index < text.count ? text[index] : letter, .empty))
                index = min(index + 1, text.count)
            case UInt8(ascii: "u"):
                // u/pattern/: up to the last slash.
                index = text.last(of: ASCII.slash).map { max($0 + 1, index) } ?? text.count
                entries.append((letter, text.slice(start..<index)))
            case UInt8(ascii: "M"):
                if start < text.count, text[start] == ASCII.less {
                    index = (text.first(of: ASCII.greater, from: start) ?? text.count - 1) + 1
                } else {
                    index = min(start + 1, text.count)
                }
                entries.append((letter, text.slice(start..<index)))
            default:
                while index < text.count, ASCII.isDigit(text[index]) { index += 1 }
                entries.append((letter, text.slice(start..<index)))
            }
        }
    }
}
