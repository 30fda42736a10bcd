import Bytes
import SIPMessage

/// `{param.…}`: lists `name1=value1;name2=value2;…`.
enum ParameterTransformations {
    private struct Entry {
        var name: ByteString
        var value: ByteString
        var hasValue: Bool
    }

    static let all: [TransformationDefinition] = [
        .text("param", "value", arguments: 1...1) { text, call in
            guard let name = call.string(0) else { return .null }
            let entry = entries(text).first { $0.name.equalsIgnoringCase(name) }
            return Value(entry.flatMap { $0.hasValue ? $0.value : nil })
        },
        .text("param", "exist", arguments: 1...1) { text, call in
            guard let name = call.string(0) else { return .null }
            return .decimal(entries(text).contains { $0.name.equalsIgnoringCase(name) } ? 1 : 0)
        },
        .text("param", "valueat", arguments: 1...1) { text, call in
            let entries = entries(text)
            guard let index = call.integer(0),
                let position = CSVTransformations.position(index, count: entries.count)
            else { return .null }
            return Value(entries[position].hasValue ? entries[position].value : nil)
        },
        .text("param", "name", arguments: 1...1) { text, call in
            let entries = entries(text)
            guard let index = call.integer(0),
                let position = CSVTransformations.position(index, count: entries.count)
            else { return .null }
            return .string(entries[position].name)
        },
        .text("param", "count") { text, _ in .decimal(entries(text).count) },
    ]

    private static func entries(_ text: ByteString) -> [Entry] {
        var entries: [Entry] = []
        var start = 0
        var isQuoted = false
        for index in 0...text.count {
            if index < text.count, text[index] == ASCII.quote { isQuoted.toggle() }
            guard index == text.count || (text[index] == ASCII.semicolon && !isQuoted) else { continue }
            let part = text.slice(start..<index).trimmed()
            start = index + 1
            guard !part.isEmpty else { continue }
            if let equal = part.first(of: ASCII.equal) {
                let value = part.dropFirst(equal + 1).trimmed().unquoted()
                entries.append(Entry(name: part.prefix(equal).trimmed(), value: value, hasValue: true))
            } else {
                entries.append(Entry(name: part, value: .empty, hasValue: false))
            }
        }
        return entries
    }
}

/// `{nameaddr.…}` and `{nameaddr.N.…}`: parts of `"name" <uri>;params`. The binder makes N the last argument.
enum NameAddressTransformations {
    static let all: [TransformationDefinition] = [
        part("name") { $0.displayName.trimmed().unquoted() },
        part("uri") { $0.uriText },
        .text("nameaddr", "len", arguments: 0...1) { text, call in
            address(text, call, fixed: 0).map { .decimal($0.text.count) } ?? .null
        },
        .text("nameaddr", "param", arguments: 1...2) { text, call in
            guard let address = address(text, call, fixed: 1), let name = call.string(0) else { return .null }
            return Value(address.parameters.value(name))
        },
        part("params") { URITransformations.list($0.parameters) },
    ]

    private static func part(
        _ name: String, _ read: @escaping @Sendable (NameAddress) -> ByteString?
    ) -> TransformationDefinition {
        .text("nameaddr", name, arguments: 0...1) { text, call in
            Value(address(text, call, fixed: 0).flatMap(read))
        }
    }

    private static func address(
        _ text: ByteString, _ call: borrowing TransformationCall, fixed: Int
    ) -> NameAddress? {
        let list = ListSplitter.split(text)
        let index = call.count > fixed ? call.integer(fixed) ?? 0 : 0
        guard let position = CSVTransformations.position(index, count: list.count) else { return nil }
        return NameAddress(list[position])
    }
}
