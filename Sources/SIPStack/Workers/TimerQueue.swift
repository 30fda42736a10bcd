/// Deadlines of transactions on one process, soonest first: a binary heap of 24-byte entries.
///
/// A deadline is never moved or removed. One that was overtaken is recognised when it comes up, by its generation.
struct TimerQueue {
    struct Entry {
        /// Milliseconds of the reactor's clock.
        var deadline: Int
        var generation: UInt32
        var transaction: Transaction
    }

    private var entries: ContiguousArray<Entry> = []

    var isEmpty: Bool { entries.isEmpty }
    var count: Int { entries.count }
    /// The soonest deadline.
    var next: Int? { entries.first?.deadline }

    mutating func push(_ entry: Entry) {
        entries.append(entry)
        var index = entries.count - 1
        while index > 0 {
            let parent = (index - 1) / 2
            guard entries[index].deadline < entries[parent].deadline else { break }
            entries.swapAt(index, parent)
            index = parent
        }
    }

    /// Takes out the soonest entry that is due at `now`.
    mutating func pop(dueAt now: Int) -> Entry? {
        guard let first = entries.first, first.deadline <= now else { return nil }
        let last = entries.count - 1
        entries.swapAt(0, last)
        let entry = entries.removeLast()
        var index = 0
        while true {
            var child = 2 * index + 1
            guard child < last else { break }
            if child + 1 < last, entries[child + 1].deadline < entries[child].deadline { child += 1 }
            guard entries[child].deadline < entries[index].deadline else { break }
            entries.swapAt(index, child)
            index = child
        }
        return entry
    }
}
