import Glibc
import Synchronization

/// Lets a test wait until something has happened `count` times. A wait that lasts longer than 20 s fails the test run.
final class Done: Sendable {
    private let remaining: Atomic<Int>

    init(count: Int = 1) { remaining = Atomic(count) }

    func signal() { remaining.subtract(1, ordering: .releasing) }

    var isOver: Bool { remaining.load(ordering: .acquiring) <= 0 }

    func wait() {
        let limit = time(nil) + 20
        while !isOver {
            precondition(time(nil) < limit, "Done.wait: nothing happened for 20 s")
            usleep(200)
        }
    }
}
