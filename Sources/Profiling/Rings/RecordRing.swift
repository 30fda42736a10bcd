import Glibc
import Synchronization

/// A ring of 16-byte records with one writer, which overwrites the oldest and never waits, and any number of readers.
///
/// Every word is atomic, so a reader may look while it is written; what it copied counts only if, afterwards, the
/// writer cannot have come round to it (`read`). Positions count records and never wrap.
///
/// Budget of `append`: three stores, no allocation, lock, system call.
final class RecordRing: @unchecked Sendable {
    // @unchecked: `words` is fixed and all access through it is atomic; `position` belongs to the writer's thread.
    let capacity: UInt64
    private let mask: UInt64
    /// Position of its first record.
    private let start: UInt64
    private let words: UnsafeMutablePointer<Atomic<UInt64>>
    /// Position that the next record gets. The writer's own copy of `head`.
    @exclusivity(unchecked) private(set) var position: UInt64
    /// Published after a record is whole: all positions below it have been written.
    private let published: Atomic<UInt64>

    /// A ring of at least `capacity` records, rounded up to a power of two, the first of which is at position `start`, 1 or more.
    /// Its pages are touched as it fills.
    init(capacity requested: Int, start: UInt64 = 1) {
        self.start = start
        position = start
        published = Atomic(start)
        var capacity = 16
        while capacity < min(requested, 1 << 28) { capacity <<= 1 }
        self.capacity = UInt64(capacity)
        mask = UInt64(capacity - 1)
        guard let memory = calloc(capacity * 2, MemoryLayout<Atomic<UInt64>>.stride) else {
            preconditionFailure("no memory for a ring of \(capacity) records")
        }
        // Atomic<UInt64> has the layout of UInt64, and zero bytes are a valid value of it.
        words = memory.bindMemory(to: Atomic<UInt64>.self, capacity: capacity * 2)
    }

    deinit { free(words) }

    /// Position that the next record will get; any thread.
    var head: UInt64 { published.load(ordering: .acquiring) }

    /// Records written so far; any thread.
    var written: UInt64 { head - start }

    /// Writes a record. Writer's thread only.
    ///
    /// The words are stored with release order: who sees one of them sees the `published` before it, which is how
    /// `read` knows that a slot was being overwritten.
    @inline(__always)
    func append(ticks: UInt64, word: UInt64) {
        let slot = Int(truncatingIfNeeded: (position & mask) &* 2)
        words[slot].store(ticks, ordering: .releasing)
        words[slot &+ 1].store(word, ordering: .releasing)
        position &+= 1
        published.store(position, ordering: .releasing)
    }

    /// Copies records from position `from` on, at most `limit`, into `records`, and gives the position of the first
    /// one copied: greater than `from` when those between were overwritten. Any thread.
    func read(from: UInt64, limit: Int, into records: inout [RawRecord]) -> UInt64 {
        records.removeAll(keepingCapacity: true)
        let head = head
        let first = max(from, oldest(at: head))
        let end = min(head, first &+ UInt64(limit))
        guard first < end else { return first }
        for position in first..<end {
            let slot = Int(truncatingIfNeeded: (position & mask) &* 2)
            let ticks = words[slot].load(ordering: .acquiring)
            let word = words[slot &+ 1].load(ordering: .acquiring)
            records.append(RawRecord(ticks: ticks, word: word))
        }
        // Whoever was overwritten meanwhile, or is just now, doesn't count.
        let intact = min(max(first, oldest(at: published.load(ordering: .acquiring))), end)
        records.removeFirst(Int(intact - first))
        return intact
    }

    /// The oldest position that the writer cannot be overwriting while `published` is `head`.
    private func oldest(at head: UInt64) -> UInt64 { head - start >= capacity ? head - capacity &+ 1 : start }
}
