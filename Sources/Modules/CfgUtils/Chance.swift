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

    /// An index, each as often as its weight says; nil when there is none above 0.
    static func index(byWeight weights: [Int]) -> Int? {
        let positive = weights.map { Double(max(0, $0)) }
        let sum = positive.reduce(0, +)
        guard sum > 0 else { return nil }
        var left = Double.random(in: 0..<sum)
        for (index, weight) in positive.enumerated() where weight > 0 {
            guard left >= weight else { return index }
            left -= weight
        }
        return positive.lastIndex { $0 > 0 }
    }

    /// True in `percent` of 100 cases.
    func happens(percent: Int) -> Bool { Double.random(in: 0..<100) < Double(percent) }
}
