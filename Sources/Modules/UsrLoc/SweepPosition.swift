import Location
import Synchronization

/// Which shard the usrloc timer sweeps next.
final class SweepPosition: Sendable {
    private let position = Atomic<Int>(0)

    func next() -> Int {
        position.wrappingAdd(1, ordering: .relaxed).oldValue & (LocationDomain.shardCount - 1)
    }
}
