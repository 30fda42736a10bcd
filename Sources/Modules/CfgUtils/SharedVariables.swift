package import Bytes
package import RouteRuntime
import Synchronization

/// `$shv(name)`: variables that every process sees. One that nobody set is the integer 0.
package final class SharedVariables: Sendable {
    /// Variables that may exist; a write of another one is refused.
    package static let countMax = 65_536

    private let values = Mutex<[ByteString: Value]>([:])

    package init() {}

    package func value(_ name: ByteString) -> Value { values.withLock { $0[name] } ?? .integer(0) }

    /// False when there are too many.
    @discardableResult
    package func set(_ name: ByteString, _ value: Value) -> Bool {
        values.withLock { values in
            guard values[name] != nil || values.count < Self.countMax else { return false }
            values[name.compacted()] = value
            return true
        }
    }

    /// All of them by name, for management.
    package var all: [(name: ByteString, value: Value)] {
        values.withLock { $0.sorted { $0.key.string < $1.key.string }.map { ($0.key, $0.value) } }
    }
}

/// `name=i:5` or `name=s:text`: what the parameter `shvset` takes.
struct VariableSetting {
    let name: ByteString
    let value: Value

    /// Nil when it is none.
    init?(_ text: ByteString) {
        guard let equal = text.first(of: ASCII.equal), equal > 0 else { return nil }
        let rest = text.dropFirst(equal + 1)
        guard rest.count >= 2, rest[1] == ASCII.colon else { return nil }
        name = text.prefix(equal).trimmed()
        switch rest[0] {
        case UInt8(ascii: "i"), UInt8(ascii: "I"):
            guard let number = rest.dropFirst(2).trimmed().decimal() else { return nil }
            value = .integer(number)
        case UInt8(ascii: "s"), UInt8(ascii: "S"): value = .string(rest.dropFirst(2))
        default: return nil
        }
    }
}
