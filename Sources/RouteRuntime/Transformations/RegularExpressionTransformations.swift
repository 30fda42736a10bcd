package import Bytes
import RouteLanguage

/// `{re.subst,/expression/replacement/flags}`
enum RegularExpressionTransformations {
    static let substitution: TransformationDefinition = {
        var definition = TransformationDefinition.text("re", "subst", arguments: 1...1) { text, call in
            guard let source = call.string(0), let substitution = Substitution(source) else {
                call.run.log(.error, "{re.subst}: not of the form /expression/replacement/flags")
                return .null
            }
            return .string(substitution.apply(to: text, in: call.run))
        }
        // A constant is compiled once, at start.
        definition.prepare = { source in
            guard let substitution = Substitution(source) else { return nil }
            return { value, call in
                guard let text = value.text else { return .null }
                return .string(substitution.apply(to: text, in: call.run))
            }
        }
        return definition
    }()
}

/// A `/expression/replacement/flags`, any character as the delimiter.
package struct Substitution {
    private enum Piece {
        case text(ByteString)
        /// 0 is the whole match.
        case group(Int)
        /// A variable: the text of a format.
        case format(ByteString)
    }

    private let expression: RegularExpression
    private let pieces: [Piece]
    private let replacesAll: Bool

    /// nil when the text has not that form or the expression is no valid one.
    package init?(_ source: ByteString) {
        guard let parts = SubstitutionText(source),
            let compiled = RegularExpression(
                parts.pattern, ignoringCase: parts.ignoresCase, multiline: parts.isMultiline)
        else { return nil }
        expression = compiled
        replacesAll = parts.isGlobal
        pieces = Self.pieces(parts.replacement)
    }

    private static func pieces(_ replacement: ByteString) -> [Piece] {
        var pieces: [Piece] = []
        var text = ByteWriter()
        var index = 0
        while index < replacement.count {
            let byte = replacement[index]
            guard byte == ASCII.backslash, index + 1 < replacement.count else {
                text.append(byte)
                index += 1
                continue
            }
            let next = replacement[index + 1]
            if ASCII.isDigit(next) {
                pieces.append(.text(ByteString(text.bytes)))
                pieces.append(.group(Int(next - 48)))
                text.removeAll()
            } else {
                switch next {
                case UInt8(ascii: "n"): text.append(ASCII.lineFeed)
                case UInt8(ascii: "r"): text.append(ASCII.carriageReturn)
                case UInt8(ascii: "t"): text.append(ASCII.tab)
                default: text.append(next)
                }
            }
            index += 2
        }
        pieces.append(.text(ByteString(text.bytes)))
        return pieces.flatMap { piece -> [Piece] in
            guard case .text(let text) = piece, text.contains(UInt8(ascii: "$")) else { return [piece] }
            return [.format(text)]
        }
    }

    /// The text with the first match, or all, replaced. Without a match it stays as it is.
    package func apply(to text: ByteString, in run: ScriptRun) -> ByteString {
        replacing(in: text, run: run)?.text ?? text
    }

    /// As `apply`, with the number of replacements; nil without a match.
    package func replacing(in text: ByteString, run: ScriptRun) -> (text: ByteString, count: Int)? {
        var writer = ByteWriter(reserving: text.count)
        var position = 0
        var count = 0
        while position <= text.count, let match = expression.firstMatch(in: text, from: position), let whole = match[0]
        {
            count += 1
            writer.append(text.slice(position..<whole.lowerBound))
            for piece in pieces {
                switch piece {
                case .text(let text): writer.append(text)
                case .group(let number):
                    if match.indices.contains(number), let range = match[number] { writer.append(text.slice(range)) }
                case .format(let format): writer.append(run.evaluateFormat(format))
                }
            }
            position = whole.upperBound
            if whole.isEmpty {
                // An empty match must not be found again.
                if position < text.count { writer.append(text[position]) }
                position += 1
            }
            if !replacesAll || writer.count > run.configuration.textBytesMax { break }
        }
        guard count > 0 else { return nil }
        if position < text.count { writer.append(text.dropFirst(position)) }
        return (writer.finishText(), count)
    }
}
