/// What is to happen on one process, soonest first: a binary heap.
///
/// Nothing is moved before its time. What was overtaken is recognised by its owner when it comes up, or swept out by it before.
struct DeadlineQueue<Element> {
    struct Entry {
        /// Milliseconds of the reactor's clock.
        var deadline: Int
        var element: Element
    }

    private var entries: ContiguousArray<Entry> = []

    var count: Int { entries.count }
    /// The soonest deadline.
    var next: Int? { entries.first?.deadline }

    mutating func push(_ element: Element, deadline: Int) {
        entries.append(Entry(deadline: deadline, element: element))
        var index = entries.count - 1
        while index > 0 {
            let parent = (index - 1) / 2
            guard entries[index].deadline < entries[parent].deadline else { break }
            entries.swapAt(index, parent)
            index = parent
        }
    }

    /// Takes out the soonest element that is due at `now`.
    mutating func pop(dueAt now: Int) -> Element? {
        guard let first = entries.first, first.deadline <= now else { return nil }
        entries.swapAt(0, entries.count - 1)
        let entry = entries.removeLast()
        sink(0)
        return entry.element
    }

    /// Takes out what means nothing any more. Linear.
    mutating func removeAll(where isStale: (Element) -> Bool) {
        entries.removeAll { isStale($0.element) }
        for index in stride(from: entries.count / 2 - 1, through: 0, by: -1) { sink(index) }
    }

    private mutating func sink(_ start: Int) {
        var index = start
        while true {
            var child = 2 * index + 1
            guard child < entries.count else { return }
            if child + 1 < entries.count, entries[child + 1].deadline < entries[child].deadline { child += 1 }
            guard entries[child].deadline < entries[index].deadline else { return }
            entries.swapAt(index, child)
            index = child
        }
    }
}
