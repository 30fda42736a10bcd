package import Bytes
import Synchronization

/// The attribute-value pairs of one transaction: a stack of values per name, last added first.
///
/// Shared by every message of a transaction, so by several processes; each operation takes its own short lock. An
/// operation is linear in the number of values, of which there are few. Bounded by `valueCountMax`.
package final class AVPStore: Sendable {
    /// Values kept in one store; a push beyond it is refused.
    package static let valueCountMax = 1024

    private struct Entry {
        let name: ByteString
        var value: Value
    }

    /// Oldest first, so that the newest value of a name is the last entry of that name.
    private let entries = Mutex<[Entry]>([])
    /// What `serialize_branches()` left for `next_branches()`, the next first.
    private let serialBranches = Mutex<[ScriptBranch]>([])

    package init() {}

    /// The value at an index counted from the newest (0), or from the oldest when negative (-1).
    package func value(_ name: ByteString, at index: Int = 0) -> Value? {
        entries.withLock { entries in
            Self.position(of: name, at: index, in: entries).map { entries[$0].value }
        }
    }

    /// All values of a name, newest first.
    package func values(_ name: ByteString) -> [Value] {
        entries.withLock { entries in entries.reversed().filter { $0.name == name }.map(\.value) }
    }

    package func count(_ name: ByteString) -> Int {
        entries.withLock { entries in entries.count { $0.name == name } }
    }

    /// All names and values, newest first.
    package var all: [(name: ByteString, value: Value)] {
        entries.withLock { entries in entries.reversed().map { ($0.name, $0.value) } }
    }

    /// Adds a value in front of those there. False when the store is full.
    @discardableResult
    package func push(_ name: ByteString, _ value: Value) -> Bool {
        entries.withLock { entries in
            guard entries.count < Self.valueCountMax else { return false }
            entries.append(Entry(name: name, value: value))
            return true
        }
    }

    /// Adds a value behind those there (`$(avp(x)[append])`).
    @discardableResult
    package func append(_ name: ByteString, _ value: Value) -> Bool {
        entries.withLock { entries in
            guard entries.count < Self.valueCountMax else { return false }
            entries.insert(Entry(name: name, value: value), at: 0)
            return true
        }
    }

    /// Overwrites the value at an index. Without such a value, it is added in front.
    @discardableResult
    package func set(_ name: ByteString, at index: Int, _ value: Value) -> Bool {
        entries.withLock { entries in
            if let position = Self.position(of: name, at: index, in: entries) {
                entries[position].value = value
                return true
            }
            guard entries.count < Self.valueCountMax else { return false }
            entries.append(Entry(name: name, value: value))
            return true
        }
    }

    /// Replaces all values of a name by one, or by none. False when the store is full and holds none of that name.
    @discardableResult
    package func replaceAll(_ name: ByteString, with value: Value?) -> Bool {
        entries.withLock { entries in
            entries.removeAll { $0.name == name }
            guard let value else { return true }
            guard entries.count < Self.valueCountMax else { return false }
            entries.append(Entry(name: name, value: value))
            return true
        }
    }

    /// Removes the value at an index and returns it.
    @discardableResult
    package func remove(_ name: ByteString, at index: Int = 0) -> Value? {
        entries.withLock { entries in
            guard let position = Self.position(of: name, at: index, in: entries) else { return nil }
            return entries.remove(at: position).value
        }
    }

    /// Adds branches behind those that wait for `next_branches()`. `clearing` forgets those first.
    package func serialize(_ branches: [ScriptBranch], clearing: Bool) {
        serialBranches.withLock { waiting in
            if clearing { waiting.removeAll() }
            waiting.append(contentsOf: branches.prefix(max(0, Self.valueCountMax - waiting.count)))
        }
    }

    /// Takes out the branches of one q that are next, and says whether others wait behind them.
    package func takeSerialBranches() -> (next: [ScriptBranch], hasMore: Bool) {
        serialBranches.withLock { waiting in
            guard let first = waiting.first else { return ([], false) }
            let next = waiting.prefix { $0.q == first.q }.prefix(ScriptBranch.countMax - 1)
            waiting.removeFirst(next.count)
            return (Array(next), !waiting.isEmpty)
        }
    }

    private static func position(of name: ByteString, at index: Int, in entries: [Entry]) -> Int? {
        guard index != Int.min else { return nil }
        var left = index < 0 ? -index - 1 : index
        if index < 0 {
            for position in entries.indices where entries[position].name == name {
                if left == 0 { return position }
                left -= 1
            }
        } else {
            for position in entries.indices.reversed() where entries[position].name == name {
                if left == 0 { return position }
                left -= 1
            }
        }
        return nil
    }
}
