import Synchronization

/// What the directory has done so far; any thread.
final class DirectoryFigures: Sendable {
    private struct Values {
        var answered = 0
        var waiting = 0
        var waitingMax = 0
    }

    private let values = Mutex(Values())

    var answered: Int { values.withLock { $0.answered } }
    var waitingMax: Int { values.withLock { $0.waitingMax } }

    func begin() {
        values.withLock {
            $0.waiting += 1
            $0.waitingMax = max($0.waitingMax, $0.waiting)
        }
    }

    func end() {
        values.withLock {
            $0.waiting -= 1
            $0.answered += 1
        }
    }
}
