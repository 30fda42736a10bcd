package import Bytes
import Glibc
import RouteRuntime
import Synchronization

/// The store `local`: values by key in memory, each with an expiry. What an operation costs does not depend on how many there
/// are; one lock of 64 is held meanwhile.
package final class LocalCache: KeyValueStore {
    package static let keyBytesMax = 1024
    package static let valueBytesMax = 65_535
    /// Of a pattern of `removeAll`.
    package static let patternBytesMax = 256
    /// What an entry counts for beside its key and value.
    static let entryBytes = 96
    private static let shardsCount = 64

    private enum Stored {
        case text(ByteString)
        case number(Int)

        var text: ByteString {
            switch self {
            case .text(let text): text
            case .number(let number): ByteString(decimal: number)
            }
        }

        var number: Int? {
            switch self {
            case .text(let text): text.decimal()
            case .number(let number): number
            }
        }

        var bytes: Int { if case .text(let text) = self { text.count } else { 0 } }
    }

    private struct Entry {
        var value: Stored
        /// Milliseconds of `now`.
        var expires: Int
    }

    private final class Shard: Sendable {
        let entries = Mutex<[ByteString: Entry]>([:])
    }

    private let shards = (0..<LocalCache.shardsCount).map { _ in Shard() }
    private let bytesUsed = Atomic<Int>(0)
    private let bytesMax: Int
    private let now: @Sendable () -> Int

    /// - Parameters:
    ///   - bytesMax: of all keys and values, each entry counted with `entryBytes` besides.
    ///   - now: milliseconds of a clock that nobody sets.
    package init(bytesMax: Int, now: @escaping @Sendable () -> Int) {
        self.bytesMax = bytesMax
        self.now = now
    }

    package var bytes: Int { bytesUsed.load(ordering: .relaxed) }
    package var count: Int { shards.reduce(0) { $0 + $1.entries.withLock { $0.count } } }

    package func store(_ key: ByteString, _ value: ByteString, seconds: Int) -> Bool {
        guard value.count <= Self.valueBytesMax else { return false }
        let expires = deadline(seconds)
        return change(key) { _ in Entry(value: .text(value.compacted()), expires: expires) }
    }

    package func fetch(_ key: ByteString) -> ByteString? { entry(key)?.value.text }

    package func count(_ key: ByteString) -> Int? { entry(key)?.value.number }

    package func add(_ key: ByteString, _ change: Int, seconds: Int) -> Int? {
        let expires = deadline(seconds)
        var result: Int?
        let isKept = self.change(key) { old in
            guard let number = old.map(\.value.number) ?? 0 else { return nil }
            let (sum, overflows) = number.addingReportingOverflow(change)
            guard !overflows else { return nil }
            result = sum
            return Entry(value: .number(sum), expires: seconds > 0 ? expires : old?.expires ?? .max)
        }
        return isKept ? result : nil
    }

    package func remove(_ key: ByteString) {
        shard(key).entries.withLock { entries in
            if let old = entries.removeValue(forKey: key) { release(key, old) }
        }
    }

    /// Removes the keys that a pattern of the shell's kind fits. False: it is too long.
    package func removeAll(matching pattern: ByteString) -> Bool {
        guard pattern.count <= Self.patternBytesMax else { return false }
        let pattern = pattern.string
        removeAll { key, _ in fnmatch(pattern, key.string, 0) == 0 }
        return true
    }

    /// Frees what has expired: what nobody asks for is kept until then.
    package func removeExpired() {
        let now = now()
        removeAll { _, expires in expires <= now }
    }

    private func removeAll(where isGone: (ByteString, _ expires: Int) -> Bool) {
        for shard in shards { removeAll(in: shard, where: isGone) }
    }

    private func removeAll(in shard: Shard, where isGone: (ByteString, _ expires: Int) -> Bool) {
        shard.entries.withLock { entries in
            for (key, entry) in entries where isGone(key, entry.expires) {
                entries[key] = nil
                release(key, entry)
            }
        }
    }

    private func deadline(_ seconds: Int) -> Int {
        seconds > 0 ? now() + min(seconds, 1 << 40) * 1000 : .max
    }

    private func shard(_ key: ByteString) -> Shard {
        var hasher = Hasher()
        hasher.combine(key)
        return shards[hasher.finalize() & (Self.shardsCount - 1)]
    }

    private func entry(_ key: ByteString) -> Entry? {
        let now = now()
        return shard(key).entries.withLock { entries in
            guard let found = entries[key] else { return nil }
            if found.expires > now { return found }
            entries[key] = nil
            release(key, found)
            return nil
        }
    }

    /// Puts in what `make` makes of the entry that there is. False: it makes none, or there is no room.
    private func change(_ key: ByteString, _ make: (Entry?) -> Entry?) -> Bool {
        guard key.count <= Self.keyBytesMax else { return false }
        let shard = shard(key)
        let now = now()
        enum Result { case kept, refused, full }
        func attempt() -> Result {
            shard.entries.withLock { entries in
                let stored = entries[key]
                guard let new = make(stored.flatMap { $0.expires > now ? $0 : nil }) else { return .refused }
                let growth = stored.map { new.value.bytes - $0.value.bytes } ?? size(key, new)
                guard bytesUsed.add(growth, ordering: .relaxed).newValue <= bytesMax || growth <= 0 else {
                    bytesUsed.subtract(growth, ordering: .relaxed)
                    return .full
                }
                entries[stored == nil ? key.compacted() : key] = new
                return .kept
            }
        }
        var result = attempt()
        if result == .full {
            removeAll(in: shard) { _, expires in expires <= now }
            result = attempt()
        }
        return result == .kept
    }

    private func size(_ key: ByteString, _ entry: Entry) -> Int { Self.entryBytes + key.count + entry.value.bytes }

    private func release(_ key: ByteString, _ entry: Entry) {
        bytesUsed.subtract(size(key, entry), ordering: .relaxed)
    }
}
