import Bytes

/// The transformations that need no `loadmodule`.
///
/// All take NULL and give NULL for it, and NULL on failure, unless the manual says otherwise.
package enum CoreTransformations {
    package static let all: [TransformationDefinition] =
        StringTransformations.all + EncodingTransformations.all + URITransformations.all + ViaTransformations.all
        + ParameterTransformations.all + NameAddressTransformations.all + IPTransformations.all
        + CSVTransformations.all + SDPTransformations.all + [RegularExpressionTransformations.substitution]
}

extension TransformationDefinition {
    /// A transformation of text; NULL stays NULL, integers come as their decimal text.
    static func text(
        _ family: String, _ name: String, arguments: ClosedRange<Int> = 0...0,
        _ apply: @escaping @Sendable (ByteString, borrowing TransformationCall) -> Value
    ) -> TransformationDefinition {
        TransformationDefinition(family, name, arguments: arguments) { value, call in
            guard let text = value.text else { return .null }
            return apply(text, call)
        }
    }
}

/// `{csv.…}`
enum CSVTransformations {
    static let all: [TransformationDefinition] = [
        .text("csv", "count") { text, _ in .decimal(fields(text).count) },
        .text("csv", "value", arguments: 1...1) { text, call in
            let fields = fields(text)
            guard let index = call.integer(0), let position = position(index, count: fields.count) else { return .null }
            return .string(fields[position])
        },
    ]

    /// The position that an index counted from the start, or from the end when negative, stands for.
    static func position(_ index: Int, count: Int) -> Int? {
        let position = index < 0 ? count + index : index
        return (0..<count).contains(position) ? position : nil
    }

    /// The fields; one in quotes may hold commas, and loses its quotes.
    private static func fields(_ text: ByteString) -> [ByteString] {
        var fields: [ByteString] = []
        var start = 0
        var isQuoted = false
        for index in 0...text.count {
            if index < text.count, text[index] == ASCII.quote { isQuoted.toggle() }
            guard index == text.count || (text[index] == ASCII.comma && !isQuoted) else { continue }
            var field = text.slice(start..<index).trimmed()
            if field.count >= 2, field.first == ASCII.quote, field.last == ASCII.quote {
                field = field.slice(1..<field.count - 1)
            }
            fields.append(field)
            start = index + 1
        }
        return fields
    }
}
