import Bytes

/// `{s.…}`: lengths, parts, case, padding.
enum StringTransformations {
    static let all: [TransformationDefinition] = [
        .text("s", "len") { text, _ in .decimal(text.count) },
        .text("s", "int") { text, _ in .decimal(leadingInteger(text)) },
        .text("s", "reverse") { text, _ in .string(ByteString(text.elements.reversed())) },
        .text("s", "substr", arguments: 1...2, substring),
        .text("s", "select", arguments: 2...2, select),
        .text("s", "tolower") { text, _ in .string(text.lowercased()) },
        .text("s", "toupper") { text, _ in .string(text.uppercased()) },
        .text("s", "index", arguments: 1...2) { text, call in find(text, call, backwards: false) },
        .text("s", "rindex", arguments: 1...2) { text, call in find(text, call, backwards: true) },
        .text("s", "fill.left", arguments: 2...2) { text, call in fill(text, call, left: true) },
        .text("s", "fill.right", arguments: 2...2) { text, call in fill(text, call, left: false) },
        .text("s", "width", arguments: 1...1, width),
        .text("s", "trim") { text, _ in .string(trim(text, left: true, right: true)) },
        .text("s", "triml") { text, _ in .string(trim(text, left: true, right: false)) },
        .text("s", "trimr") { text, _ in .string(trim(text, left: false, right: true)) },
        .text("s", "date2unix") { text, _ in SIPDate.seconds(text).map { .decimal($0) } ?? .null },
        .text("s", "eval") { text, call in .string(call.run.evaluateFormat(text)) },
    ]

    /// The integer that the text begins with; 0 without one.
    static func leadingInteger(_ text: ByteString) -> Int {
        var index = 0
        while index < text.count, ASCII.isWhitespace(text[index]) { index += 1 }
        let start = index
        if index < text.count, text[index] == UInt8(ascii: "-") || text[index] == UInt8(ascii: "+") { index += 1 }
        while index < text.count, ASCII.isDigit(text[index]) { index += 1 }
        return text.slice(start..<index).decimal() ?? 0
    }

    @Sendable private static func substring(_ text: ByteString, _ call: borrowing TransformationCall) -> Value {
        guard let offset = call.integer(0) else { return .null }
        let length = call.count > 1 ? call.integer(1) : 0
        guard let length, offset > -text.count - 1, offset <= text.count else { return .null }
        let start = offset < 0 ? text.count + offset : offset
        var end = text.count
        if length > 0 {
            end = min(text.count, start + min(length, text.count))
        } else if length < 0 {
            guard length >= -text.count else { return .null }
            end = text.count + length
        }
        return start <= end ? .string(text.slice(start..<end)) : .null
    }

    @Sendable private static func select(_ text: ByteString, _ call: borrowing TransformationCall) -> Value {
        // The separator is one character; a comma there is what the manual writes as ",,".
        guard let index = call.integer(0) else { return .null }
        let separator = call.untrimmed(1)?.first ?? ASCII.comma
        let fields = text.split(at: separator)
        return CSVTransformations.position(index, count: fields.count).map { .string(fields[$0]) } ?? .null
    }

    private static func find(
        _ text: ByteString, _ call: borrowing TransformationCall, backwards: Bool
    ) -> Value {
        guard let wanted = call.string(0), !wanted.isEmpty, !text.isEmpty else { return .null }
        guard wanted.count <= text.count else { return .null }
        var start = backwards ? text.count - 1 : 0
        if call.count > 1 {
            guard let given = call.integer(1) else { return .null }
            // Negative offsets count from the end and wrap.
            start = given >= 0 ? given : ((given % text.count) + text.count) % text.count
        }
        if backwards {
            var offset = min(start, text.count - wanted.count)
            while offset >= 0 {
                if text.slice(offset..<offset + wanted.count) == wanted { return .decimal(offset) }
                offset -= 1
            }
            return .null
        }
        return text.first(of: wanted, from: start).map { .decimal($0) } ?? .null
    }

    private static func fill(_ text: ByteString, _ call: borrowing TransformationCall, left: Bool) -> Value {
        guard let token = call.string(0), !token.isEmpty, let length = call.integer(1) else { return .null }
        guard length > text.count else { return .string(text) }
        let missing = min(length, call.run.configuration.textBytesMax) - text.count
        guard missing > 0 else { return .string(text) }
        var writer = ByteWriter(reserving: text.count + missing)
        if !left { writer.append(text) }
        // On the left the last character of the token touches the text.
        let first = left ? (token.count - missing % token.count) % token.count : 0
        for index in 0..<missing { writer.append(token[(first + index) % token.count]) }
        if left { writer.append(text) }
        return .string(writer.finishText())
    }

    @Sendable private static func width(_ text: ByteString, _ call: borrowing TransformationCall) -> Value {
        guard let length = call.integer(0), length > 0 else { return .null }
        guard length > text.count else { return .string(text.prefix(length)) }
        let missing = min(length, call.run.configuration.textBytesMax) - text.count
        return .string(text + ByteString([UInt8](repeating: ASCII.space, count: max(0, missing))))
    }

    private static func trim(_ text: ByteString, left: Bool, right: Bool) -> ByteString {
        var lower = 0
        var upper = text.count
        while left, lower < upper, ASCII.isWhitespace(text[lower]) { lower += 1 }
        while right, upper > lower, ASCII.isWhitespace(text[upper - 1]) { upper -= 1 }
        return text.slice(lower..<upper)
    }
}

/// The value of a `Date` header (RFC 3261 §20.17): `Thu, 13 Jun 2024 12:48:00 GMT`.
enum SIPDate {
    private static let months: [ByteString] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    /// Seconds of the epoch; nil when it is no such date.
    static func seconds(_ text: ByteString) -> Int? {
        let words = text.trimmed().split(at: ASCII.space).filter { !$0.isEmpty }
        guard words.count >= 5, let day = words[1].decimal(), let year = words[3].decimal(),
            let month = months.firstIndex(where: { $0.equalsIgnoringCase(words[2]) })
        else { return nil }
        let clock = words[4].split(at: ASCII.colon).compactMap { $0.decimal() }
        guard clock.count == 3, (1...31).contains(day), (1970...9999).contains(year), (0...23).contains(clock[0]),
            (0...59).contains(clock[1]), (0...60).contains(clock[2])
        else { return nil }
        return days(year, month + 1, day) * 86400 + clock[0] * 3600 + clock[1] * 60 + clock[2]
    }

    /// Days since 1970-01-01 of a date of the Gregorian calendar.
    private static func days(_ year: Int, _ month: Int, _ day: Int) -> Int {
        let year = month <= 2 ? year - 1 : year
        let era = year / 400
        let yearOfEra = year - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }
}
