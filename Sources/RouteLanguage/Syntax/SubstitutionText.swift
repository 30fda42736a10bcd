package import Bytes

/// The parts of a `/pattern/replacement/flags`, any character as the delimiter; the delimiter itself is written `\d`.
package struct SubstitutionText: Hashable, Sendable {
    package let pattern: ByteString
    package let replacement: ByteString
    /// `i`
    package let ignoresCase: Bool
    /// `g`: every match, not only the first.
    package let isGlobal: Bool
    /// Without `s`: `.` and negated classes match no line end, `^` and `$` match at line ends.
    package let isMultiline: Bool

    /// nil when the text has not that form, or an unknown flag.
    package init?(_ source: ByteString) {
        guard let delimiter = source.first else { return nil }
        var parts: [ByteString] = []
        var start = 1
        var index = 1
        while index < source.count, parts.count < 2 {
            if source[index] == ASCII.backslash {
                index += 2
                continue
            }
            if source[index] == delimiter {
                parts.append(source.slice(start..<index))
                start = index + 1
            }
            index += 1
        }
        guard parts.count == 2 else { return nil }
        let flags = source.dropFirst(start)
        guard flags.elements.allSatisfy({ "isg".utf8.contains($0) }) else { return nil }
        pattern = parts[0].unescaping(delimiter)
        replacement = parts[1].unescaping(delimiter)
        ignoresCase = flags.contains(UInt8(ascii: "i"))
        isGlobal = flags.contains(UInt8(ascii: "g"))
        isMultiline = !flags.contains(UInt8(ascii: "s"))
    }
}

extension ByteString {
    /// With `\d` replaced by `d`, where d is the delimiter.
    fileprivate func unescaping(_ delimiter: UInt8) -> ByteString {
        var writer = ByteWriter(reserving: count)
        var index = 0
        while index < count {
            if self[index] == ASCII.backslash, index + 1 < count {
                if self[index + 1] != delimiter { writer.append(ASCII.backslash) }
                writer.append(self[index + 1])
                index += 2
            } else {
                writer.append(self[index])
                index += 1
            }
        }
        return writer.finishText()
    }
}
