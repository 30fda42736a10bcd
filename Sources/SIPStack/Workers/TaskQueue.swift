/// Something that a worker is to do later (`StackWorker.schedule`).
package protocol WorkerTask: AnyObject, Sendable {
    /// The time has come. On the process that it was scheduled on.
    func run(on worker: StackWorker)
}

/// Tasks of one process, soonest first: a binary heap.
struct TaskQueue {
    struct Entry {
        /// Milliseconds of the reactor's clock.
        var deadline: Int
        var task: any WorkerTask
    }

    private var entries: ContiguousArray<Entry> = []

    /// The soonest deadline.
    var next: Int? { entries.first?.deadline }
    var count: Int { entries.count }

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

    /// Takes out the soonest task that is due at `now`.
    mutating func pop(dueAt now: Int) -> (any WorkerTask)? {
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
        return entry.task
    }
}
