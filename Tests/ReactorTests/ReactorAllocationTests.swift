import AllocationCounting
import Profiling
import Testing

@testable import Reactor

/// What a pass may allocate once everything has grown: nothing.
struct ReactorAllocationTests {
    @Test(.enabled(if: canCountAllocations)) func timersAndPassesAllocateNothing() throws {
        let reactor = try Reactor(probe: .unattached(), processSite: .silent)
        let timer = reactor.makeTimer(label: .silent) {}
        let target = CountingTarget()
        func turn() {
            timer.arm(afterMilliseconds: 50)
            timer.arm(afterMilliseconds: 5000)
            timer.cancel()
            reactor.schedule(afterMilliseconds: 0, label: .silent, target: target, token: 1)
            reactor.schedule(afterMilliseconds: 1, label: .silent, target: target, token: 2)
            let expected = target.count + 2
            while target.count < expected { reactor.runOnce() }
        }
        for _ in 0..<20 { turn() }
        #expect(allocations { turn() } == 0)
    }

    @Test(.enabled(if: canCountAllocations)) func aCounterAllocatesNothing() {
        let statistics = Statistics()
        let counter = statistics.counter(group: "g", name: "n")
        let cells = statistics.makeCells()
        #expect(allocations { cells.add(counter, 100) } == 0)
        #expect(statistics.value(counter) == 100)
    }
}

private final class CountingTarget: TimerTarget {
    var count = 0
    func timerFired(token: UInt64) { count += 1 }
}
