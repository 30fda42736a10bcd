import AllocationCounting
import Testing

@testable import Profiling

/// The probe allocates nothing, wanted or not. Exact, so it gates.
@Suite(.enabled(if: canCountAllocations)) struct AllocationTests {
    @Test func theCounterCounts() {
        var kept: [[Int]] = []
        kept.reserveCapacity(16)
        #expect(allocations { for index in 0..<10 { kept.append([index, index]) } } == 10)
        #expect(allocations {} == 0)
        #expect(kept.count == 10)
    }

    /// What is wanted, and the level.
    static let states: [(wants: Interest, level: Level)] = [
        ([], .timers), (.process, .off), ([.process, .script], .timers), ([.process, .script, .annotations], .timers),
    ]

    @Test(arguments: states)
    func aPassAllocatesNothing(wants: Interest, level: Level) {
        let bench = Bench(level: level, wants: wants, ringRecords: 256, queueRecordsMax: 16)
        let bytes: StaticString = "INVITE sip:bob@example.org"
        let pass = {
            bench.probe.begin(bench.process)
            bench.probe.hold(bench.read)
            bench.probe.enter(bench.job)
            bench.probe.annotate(1, UnsafeRawBufferPointer(start: bytes.utf8Start, count: bytes.utf8CodeUnitCount))
            let token = bench.probe.startScript(bench.route)
            bench.probe.annotate(2) { room in
                room.copyMemory(from: UnsafeRawBufferPointer(start: bytes.utf8Start, count: bytes.utf8CodeUnitCount))
                return bytes.utf8CodeUnitCount
            }
            bench.probe.enter(bench.subroute)
            bench.probe.exit(bench.subroute, status: 1)
            bench.probe.endScript(bench.route)
            bench.probe.startScript(bench.route, continuing: token)
            bench.probe.endScript(bench.route)
            bench.probe.exit(bench.job, status: 1)
            bench.probe.exit(bench.read)
            bench.probe.end()
        }
        pass()
        #expect(allocations { for _ in 0..<1000 { pass() } } == 0)
        #expect((bench.profiler.processes[0].written > 0) == bench.probe.wouldWant(bench.job))
    }

    @Test func aRecordIsSixteenBytes() {
        #expect(MemoryLayout<RawRecord>.size == 16)
        #expect(MemoryLayout<RawRecord>.stride == 16)
    }
}
