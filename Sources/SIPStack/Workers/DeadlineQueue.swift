/// What is to happen on one process, soonest first: a binary heap.
///
/// Nothing is ever moved or removed before its time. What was overtaken is recognised by its owner when it comes up.
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
        return entry.element
    }
}
