/// Splits a string at its variables. Never fails: what is wrong is kept with the string, because only where it is expanded
/// does it matter (`"^[0-9]+$"` is a fine pattern).
struct FormatStringParser {
    /// After so many the rest of the string is taken as text.
    static let problemsMax = 8

    let text: ScriptText
    let range: Range<Int>
    let depth: Int

    init(text: ScriptText, range: Range<Int>? = nil, depth: Int = 0) {
        self.text = text
        self.range = range ?? 0..<text.bytes.count
        self.depth = depth
    }

    func parse() -> FormatString {
        var format = FormatString(location: text.location(range), parts: [], raw: Array(text.bytes[range]))
        var literal: [UInt8] = []
        var index = range.lowerBound
        while index < range.upperBound {
            let byte = text.bytes[index]
            let next = index + 1 < range.upperBound ? text.bytes[index + 1] : 0
            guard byte == UInt8(ascii: "$") else {
                literal.append(byte)
                index += 1
                continue
            }
            if next == UInt8(ascii: "$") {
                literal.append(byte)
                index += 2
                continue
            }
            guard next.isWordByte || next == UInt8(ascii: "(") else {
                format.problems.append(
                    Diagnostic(
                        .warning, "lone-dollar", at: text.location(index..<(index + 1)),
                        "this `$` begins no variable and is taken as it is", hint: "write `$$` for a dollar sign"))
                literal.append(byte)
                index += 1
                continue
            }
            var parser = VariableParser(text: text, depth: depth)
            do throws(Diagnostic) {
                let (variable, end) = try parser.parse(at: index, end: range.upperBound, isInString: true)
                if !literal.isEmpty { format.parts.append(.literal(literal)) }
                literal = []
                format.parts.append(.variable(variable))
                format.problems += parser.warnings
                index = end
            } catch {
                format.problems.append(error)
                // Going on behind each failure would cost time that grows with the power of the nesting.
                let givesUp = depth > 0 || format.problems.count >= Self.problemsMax
                let end = givesUp ? range.upperBound : index + 1
                literal += text.bytes[index..<end]
                index = end
            }
        }
        if !literal.isEmpty { format.parts.append(.literal(literal)) }
        return format
    }
}
