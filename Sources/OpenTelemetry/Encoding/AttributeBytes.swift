import Glibc
import SwiftProtobuf

/// Attributes as `KeyValue` messages. What most spans say alike (file, line, thread, route) is written once.
///
/// Lives as long as a request is made. Bounded: of a key that has many values, such as `sip.call_id`, the first `valuesMax` are
/// kept.
struct AttributeBytes {
    /// What is known of a key.
    private final class Key {
        /// The key as a field of `KeyValue`.
        let field: [UInt8]
        /// The whole `KeyValue` by value.
        var texts: [ExactText: [UInt8]] = [:]
        var numbers: [Int64: [UInt8]] = [:]

        init(field: [UInt8]) { self.field = field }
    }

    private var keys: [ExactText: Key] = [:]
    private var parts = ProtobufFraming(reservingBytes: 256)

    /// Values of a key that are kept.
    static let valuesMax = 32

    /// Appends `attribute` as a `KeyValue` in the field `number` of a message.
    mutating func append(_ attribute: Attribute, _ number: Int, to message: inout ProtobufFraming) throws {
        let key = try key(attribute.key)
        switch attribute.value {
        case .string(let text):
            let text = ExactText(text: text)
            if let known = key.texts[text] { return message.append(number, message: known) }
            try write(key, attribute.value)
            if key.texts.count < AttributeBytes.valuesMax { key.texts[text] = parts.bytes }
        case .int(let value):
            if let known = key.numbers[value] { return message.append(number, message: known) }
            try write(key, attribute.value)
            if key.numbers.count < AttributeBytes.valuesMax { key.numbers[value] = parts.bytes }
        case .double, .bool, .array: try write(key, attribute.value)
        }
        message.append(number, message: parts.bytes)
    }

    private mutating func key(_ name: String) throws -> Key {
        if let known = keys[ExactText(text: name)] { return known }
        var message = WireKeyValue()
        message.key = name
        let key = Key(field: try message.serializedBytes())
        keys[ExactText(text: name)] = key
        return key
    }

    /// Leaves a `KeyValue` in `parts`.
    private mutating func write(_ key: Key, _ value: AttributeValue) throws {
        parts.removeAll()
        parts.append(fields: key.field)
        parts.append(AttributeBytes.valueField, message: try WireAnyValue(value).serializedBytes())
    }

    /// `KeyValue.value`
    private static let valueField = 2
}

/// A text that equals another one byte by byte only: `String` takes texts for equal that Unicode does, and these must be
/// sent as they are.
private struct ExactText: Hashable {
    let text: String

    static func == (left: ExactText, right: ExactText) -> Bool {
        left.withBytes { left in
            right.withBytes { right in
                guard left.count == right.count else { return false }
                guard let one = left.baseAddress, let other = right.baseAddress else { return true }
                return memcmp(one, other, left.count) == 0
            }
        }
    }

    func hash(into hasher: inout Hasher) { withBytes { hasher.combine(bytes: UnsafeRawBufferPointer($0)) } }

    private func withBytes<Result>(_ body: (UnsafeBufferPointer<UInt8>) -> Result) -> Result {
        if let result = text.utf8.withContiguousStorageIfAvailable(body) { return result }
        // Only a text of another runtime is not contiguous.
        return Array(text.utf8).withUnsafeBufferPointer(body)
    }
}
