import Synchronization

/// What a dialog may wait for: one deadline of each.
enum DialogTimer: Int, CaseIterable {
    /// Lifetime, removal after the end, or the end that a race brings.
    case life = 0
    case optionsPing = 1
    case reinvitePing = 2
}

/// Deadlines of dialogs: a binary heap for each timer, in which a dialog knows its place. Setting, moving and taking out cost O(log n)
/// and leave nothing behind, so that a dialog of twelve hours that ends at once is forgotten at once.
final class DialogTimers: Sendable {
    private struct Heaps {
        var heaps: [ContiguousArray<Dialog>] = Array(repeating: [], count: DialogTimer.allCases.count)
    }

    private let heaps = Mutex(Heaps())

    /// Sets or moves the deadline, in milliseconds of the monotonic clock; nil takes it away.
    func set(_ timer: DialogTimer, of dialog: Dialog, to deadline: Int?) {
        heaps.withLock { all in
            let place = Int(dialog.places[timer.rawValue])
            guard let deadline else {
                if place >= 0 { Self.remove(at: place, from: &all.heaps[timer.rawValue], timer) }
                return
            }
            dialog.deadlines[timer.rawValue] = deadline
            if place >= 0 {
                Self.settle(place, &all.heaps[timer.rawValue], timer)
            } else {
                all.heaps[timer.rawValue].append(dialog)
                dialog.places[timer.rawValue] = Int32(all.heaps[timer.rawValue].count - 1)
                Self.settle(all.heaps[timer.rawValue].count - 1, &all.heaps[timer.rawValue], timer)
            }
        }
    }

    func clear(_ dialog: Dialog) {
        for timer in DialogTimer.allCases { set(timer, of: dialog, to: nil) }
    }

    /// The deadline; nil when there is none.
    func deadline(_ timer: DialogTimer, of dialog: Dialog) -> Int? {
        heaps.withLock { _ in dialog.places[timer.rawValue] < 0 ? nil : dialog.deadlines[timer.rawValue] }
    }

    /// Takes out the dialogs that are due, at most `count`.
    func takeDue(_ timer: DialogTimer, at now: Int, count: Int) -> [Dialog] {
        heaps.withLock { all in
            var due: [Dialog] = []
            while due.count < count, let first = all.heaps[timer.rawValue].first,
                first.deadlines[timer.rawValue] <= now
            {
                due.append(first)
                Self.remove(at: 0, from: &all.heaps[timer.rawValue], timer)
            }
            return due
        }
    }

    private static func remove(at place: Int, from heap: inout ContiguousArray<Dialog>, _ timer: DialogTimer) {
        let last = heap.count - 1
        heap[place].places[timer.rawValue] = -1
        heap[place].deadlines[timer.rawValue] = .max
        if place == last {
            heap.removeLast()
            return
        }
        heap[place] = heap.removeLast()
        heap[place].places[timer.rawValue] = Int32(place)
        settle(place, &heap, timer)
    }

    /// Moves the dialog at `start` to where it belongs.
    private static func settle(_ start: Int, _ heap: inout ContiguousArray<Dialog>, _ timer: DialogTimer) {
        let kind = timer.rawValue
        var index = start
        while index > 0, heap[index].deadlines[kind] < heap[(index - 1) / 2].deadlines[kind] {
            swap(index, (index - 1) / 2, &heap, kind)
            index = (index - 1) / 2
        }
        while true {
            var child = 2 * index + 1
            guard child < heap.count else { break }
            if child + 1 < heap.count, heap[child + 1].deadlines[kind] < heap[child].deadlines[kind] { child += 1 }
            guard heap[child].deadlines[kind] < heap[index].deadlines[kind] else { break }
            swap(index, child, &heap, kind)
            index = child
        }
    }

    private static func swap(_ one: Int, _ other: Int, _ heap: inout ContiguousArray<Dialog>, _ kind: Int) {
        heap.swapAt(one, other)
        heap[one].places[kind] = Int32(one)
        heap[other].places[kind] = Int32(other)
    }
}
