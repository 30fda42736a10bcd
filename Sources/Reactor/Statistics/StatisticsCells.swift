import Synchronization

/// The counters of one process: a cell per registered counter, written by that process only.
///
/// `add` is a relaxed load and a relaxed store, no locked instruction: about the price of `+= 1`. Anyone may read.
package final class StatisticsCells: Sendable {
    /// Allocated once, never moved, freed with the object: a plain array of atomics, which Swift can't hold in an Array
    /// because `Atomic` is not copyable.
    private nonisolated(unsafe) let cells: UnsafeMutablePointer<Atomic<Int>>
    private let isShared: Bool

    /// `isShared`: several threads write; `add` is then a locked addition.
    init(isShared: Bool) {
        self.isShared = isShared
        cells = .allocate(capacity: Statistics.countersMax)
        for index in 0..<Statistics.countersMax { (cells + index).initialize(to: Atomic(0)) }
    }

    deinit {
        cells.deinitialize(count: Statistics.countersMax)
        cells.deallocate()
    }

    /// Adds to a counter. On the owning process's thread only (the shared cells: any thread).
    @inline(__always)
    package func add(_ counter: Counter, _ amount: Int = 1) {
        if isShared {
            cells[counter.index].add(amount, ordering: .relaxed)
        } else {
            let value = cells[counter.index].load(ordering: .relaxed)
            cells[counter.index].store(value &+ amount, ordering: .relaxed)
        }
    }

    /// This process's part of a counter. Any thread.
    package func value(_ counter: Counter) -> Int { cells[counter.index].load(ordering: .relaxed) }
}
