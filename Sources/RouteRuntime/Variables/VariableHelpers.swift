import Bytes
import RouteLanguage
import SIPMessage

extension VariableDefinition {
    /// A variable without parentheses that is only read.
    static func readOnly(
        _ names: String..., indexable: Bool = false, _ read: @escaping VariableReader
    ) -> [VariableDefinition] {
        names.map { VariableDefinition(VariableDeclaration($0, isIndexable: indexable), read: read) }
    }

    /// A variable without parentheses that can be written.
    static func writable(
        _ names: String..., indexable: Bool = false, read: @escaping VariableReader,
        write: @escaping VariableWriter
    ) -> [VariableDefinition] {
        names.map {
            VariableDefinition(
                VariableDeclaration($0, isWritable: true, isIndexable: indexable), read: read, write: write)
        }
    }

    /// A variable that SIPRay does not have.
    static func missing(
        _ name: String, inner: VariableDeclaration.Inner = .none, isWritable: Bool = false, isIndexable: Bool = false,
        _ reason: String
    ) -> VariableDefinition {
        VariableDefinition(
            VariableDeclaration(
                name, inner: inner, isWritable: isWritable, isIndexable: isIndexable, availability: .missing(reason)),
            read: { _ in .null })
    }
}

extension VariableAccess {
    /// Logs that a value cannot be written, and says so.
    func refuse(_ reason: String) -> Bool {
        run.log(.error, reason)
        return false
    }

    /// One of a list by index: nil index is the first, `[*]` all of them, joined.
    func select(_ list: [ByteString], separator: StaticString = ",", default defaultIndex: Int = 0) -> Value {
        switch index {
        case .none: return list.isEmpty ? .null : element(list, defaultIndex)
        case .at(let number): return element(list, number)
        case .append: return .null
        case .all:
            guard !list.isEmpty else { return .null }
            return .string(ByteString.joined(list, separator))
        }
    }

    private func element(_ list: [ByteString], _ number: Int) -> Value {
        CSVTransformations.position(number, count: list.count).map { .string(list[$0]) } ?? .null
    }
}

extension ByteString {
    static func joined(_ list: [ByteString], _ separator: StaticString) -> ByteString {
        var writer = ByteWriter(reserving: list.reduce(0) { $0 + $1.count + 2 })
        for (index, text) in list.enumerated() {
            if index > 0 { writer.append(separator) }
            writer.append(text)
        }
        return writer.finishText()
    }

    /// nil when empty.
    var nonEmpty: ByteString? { isEmpty ? nil : self }
}

extension Value {
    /// The text of a value that is to be written somewhere; nil for NULL and for an empty text.
    var assignable: ByteString? { text?.nonEmpty }
}
