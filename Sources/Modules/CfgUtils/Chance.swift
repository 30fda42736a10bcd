import Synchronization

/// The probability of `rand_event()`, in percent, that script and management can change.
package final class Chance: Sendable {
    private let initial: Int
    private let current: Atomic<Int>

    init(initial: Int) {
        self.initial = min(max(initial, 0), 100)
        current = Atomic(self.initial)
    }

    package var percent: Int { current.load(ordering: .relaxed) }

    /// False outside 0...100.
    @discardableResult
    package func set(_ percent: Int) -> Bool {
        guard (0...100).contains(percent) else { return false }
        current.store(percent, ordering: .relaxed)
        return true
    }

    package func reset() { current.store(initial, ordering: .relaxed) }

    /// True in `percent` of 100 cases.
    func happens(percent: Int) -> Bool { Double.random(in: 0..<100) < Double(percent) }
}
