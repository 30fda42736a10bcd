import Bytes
import Synchronization

/// Where something lies in a `KeyedTable`: its shard and a number that nobody can guess.
struct TableKey: Hashable, Sendable {
    var shard: Int
    var number: UInt32
}

/// Objects by key, in shards of their own lock each. Bounded: beyond `countMax` nothing is added.
final class KeyedTable<Element: AnyObject & Sendable>: Sendable {
    private final class Shard: Sendable {
        let elements = Mutex<[UInt32: Element]>([:])
    }

    private let shards: [Shard]
    private let inUse = Atomic<Int>(0)
    let countMax: Int

    /// - Parameter bits: the binary logarithm of the number of shards.
    init(bits: Int, countMax: Int) {
        shards = (0..<1 << min(max(bits, 0), 16)).map { _ in Shard() }
        self.countMax = countMax
    }

    var count: Int { inUse.load(ordering: .relaxed) }

    /// A place that is free now; whoever asked adds to it or lets it be. nil when the table is full.
    func freeKey() -> TableKey? {
        guard count < countMax else { return nil }
        let shard = Int.random(in: 0..<shards.count)
        return shards[shard].elements.withLock { elements in
            while true {
                let number = UInt32.random(in: 1...UInt32(Int32.max))
                if elements[number] == nil { return TableKey(shard: shard, number: number) }
            }
        }
    }

    /// False when somebody took the place, or the table is full.
    func add(_ element: Element, at key: TableKey) -> Bool {
        guard inUse.add(1, ordering: .relaxed).newValue <= countMax else {
            inUse.subtract(1, ordering: .relaxed)
            return false
        }
        let isAdded = shards[key.shard].elements.withLock { elements in
            guard elements[key.number] == nil else { return false }
            elements[key.number] = element
            return true
        }
        if !isAdded { inUse.subtract(1, ordering: .relaxed) }
        return isAdded
    }

    func find(_ key: TableKey) -> Element? {
        guard shards.indices.contains(key.shard) else { return nil }
        return shards[key.shard].elements.withLock { $0[key.number] }
    }

    func remove(_ element: Element, at key: TableKey) {
        guard shards.indices.contains(key.shard) else { return }
        let isRemoved = shards[key.shard].elements.withLock { elements in
            guard elements[key.number] === element else { return false }
            elements[key.number] = nil
            return true
        }
        if isRemoved { inUse.subtract(1, ordering: .relaxed) }
    }

    /// All elements, shard by shard: for management and the clean-up.
    var all: [Element] { shards.flatMap { shard in shard.elements.withLock { Array($0.values) } } }
}

/// The texts that stand for keys: `B2B.436.1925389.1649338095` for entities (prefix, shard, number, second of the start).
struct EntityKeys: Sendable {
    let prefix: ByteString
    let startedAt: Int

    func text(_ key: TableKey) -> ByteString {
        var writer = ByteWriter(reserving: prefix.count + 36)
        writer.append(prefix)
        for number in [key.shard, Int(key.number), startedAt] {
            writer.append(UInt8(ascii: "."))
            writer.append(decimal: number)
        }
        return writer.finishText()
    }

    /// The key that a Call-ID or tag stands for, and the number of a leg behind it (`-2`); nil: none of this server's.
    func read(_ text: ByteString) -> (key: TableKey, leg: Int)? {
        guard text.count > prefix.count + 1, text.hasPrefix(prefix), text[prefix.count] == UInt8(ascii: ".") else {
            return nil
        }
        let parts = text.dropFirst(prefix.count + 1).split(at: UInt8(ascii: "."))
        guard parts.count == 3 else { return nil }
        let ends = parts[2].split(at: UInt8(ascii: "-"))
        guard let shard = parts[0].decimal(), let number = parts[1].decimal().flatMap({ UInt32(exactly: $0) }),
            ends.count <= 2, ends[0].decimal() == startedAt
        else { return nil }
        return (TableKey(shard: shard, number: number), ends.count == 2 ? ends[1].decimal() ?? 0 : 0)
    }
}

/// The texts of session keys: `1020.30` (shard, number).
enum SessionKeys {
    static func text(_ key: TableKey) -> ByteString {
        var writer = ByteWriter(reserving: 20)
        writer.append(decimal: key.shard)
        writer.append(UInt8(ascii: "."))
        writer.append(decimal: Int(key.number))
        return writer.finishText()
    }

    static func read(_ text: ByteString) -> TableKey? {
        let parts = text.split(at: UInt8(ascii: "."))
        guard parts.count == 2, let shard = parts[0].decimal(),
            let number = parts[1].decimal().flatMap({ UInt32(exactly: $0) })
        else { return nil }
        return TableKey(shard: shard, number: number)
    }
}
