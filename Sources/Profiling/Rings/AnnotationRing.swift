import Glibc
import Synchronization

/// A ring of bytes beside the records, in words of eight; single writer, overwrites the oldest, like `RecordRing`.
final class AnnotationRing: @unchecked Sendable {
    // @unchecked: all access through `words` is atomic; `position` belongs to the writer's thread.
    private let capacity: UInt64
    private let words: UnsafeMutablePointer<Atomic<UInt64>>
    @exclusivity(unchecked) private var position: UInt64 = 0
    /// Up to where the writer may have begun to write.
    private let claimed = Atomic<UInt64>(0)

    /// A ring of at least `bytes`, rounded up to a power of two. Its pages are touched as it fills.
    init(bytes: Int) {
        var capacity = 1024
        while capacity < min(bytes, 1 << 28) / 8 { capacity <<= 1 }
        self.capacity = UInt64(capacity)
        guard let memory = calloc(capacity, MemoryLayout<Atomic<UInt64>>.stride) else {
            preconditionFailure("no memory for an annotation ring of \(capacity * 8) bytes")
        }
        // As in RecordRing.
        words = memory.bindMemory(to: Atomic<UInt64>.self, capacity: capacity)
    }

    deinit { free(words) }

    /// Copies bytes in and gives their position in words. Writer's thread only.
    func append(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
        let start = position
        let count = bytes.count
        position = start &+ UInt64((count + 7) / 8)
        claimed.store(position, ordering: .releasing)
        guard let source = bytes.baseAddress else { return start }
        var slot = Int(truncatingIfNeeded: start & (capacity &- 1))
        var offset = 0
        while offset &+ 8 <= count {
            words[slot].store(source.loadUnaligned(fromByteOffset: offset, as: UInt64.self), ordering: .releasing)
            offset &+= 8
            slot = (slot &+ 1) & Int(truncatingIfNeeded: capacity &- 1)
        }
        if offset < count {
            var word: UInt64 = 0
            for rest in offset..<count {
                word |= UInt64(source.load(fromByteOffset: rest, as: UInt8.self)) &<< UInt64(8 &* (rest &- offset))
            }
            words[slot].store(word, ordering: .releasing)
        }
        return start
    }

    /// The bytes at a position, of which the lower 32 bits are known; none when they were overwritten. Any thread.
    func read(position low: UInt32, count: Int) -> [UInt8]? {
        let head = claimed.load(ordering: .acquiring)
        // The newest position that ends in `low` and is not above the head.
        let start = head &- UInt64(UInt32(truncatingIfNeeded: head) &- low)
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count)
        for slot in 0..<UInt64((count + 7) / 8) {
            let word = words[Int((start &+ slot) & (capacity - 1))].load(ordering: .acquiring)
            withUnsafeBytes(of: word) { bytes.append(contentsOf: $0.prefix(count - bytes.count)) }
        }
        return claimed.load(ordering: .acquiring) &- start <= capacity ? bytes : nil
    }
}
