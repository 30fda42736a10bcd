import Testing

@testable import Profiling

/// Ticks and wall time.
@Suite struct ClockTests {
    @Test func aStepOfTheSystemClockMovesSessionsButBendsNone() throws {
        let bench = Bench()
        bench.probe.begin(bench.process)
        bench.tick(5)
        bench.probe.enter(bench.job)
        let before = bench.records()
        bench.clock.stepWall(nanoseconds: -3_600_000_000_000)
        bench.tick(5)
        bench.probe.exit(bench.job)
        bench.probe.startScript(bench.route)
        bench.probe.endScript(bench.route)
        bench.probe.end()
        let rest = bench.records()
        let start = try #require(before.first).nanoseconds
        #expect(before.map { $0.nanoseconds - start } == [0, 5000])
        #expect(rest.map { $0.nanoseconds - start } == [10000, 10000, 10000, 10000])
        bench.pass()
        let next = try #require(bench.records().first).nanoseconds
        #expect(next - start == 11000 - 3_600_000_000_000)
    }

    /// Ticks that passed in so many nanoseconds: a slow counter, a fast one, three hours' worth.
    static let rates: [(UInt64, UInt64)] = [
        (1_000_000_000, 1_000_000_000), (2_450_000_000, 1_000_000_000), (24_000_000, 1_000_000_000),
        (10_800_000_000_000, 3_600_000_000_000),
    ]

    @Test(arguments: rates)
    func calibrationFollowsTheRate(ticks: UInt64, nanoseconds: UInt64) {
        let first = ClockReading(ticks: 1 << 40, monotonicNanoseconds: 5, wallNanoseconds: 77)
        let last = ClockReading(
            ticks: 1 << 40 + ticks, monotonicNanoseconds: 5 + nanoseconds,
            wallNanoseconds: 1_800_000_000_000_000_000)
        let calibration = Calibration(from: first, to: last)
        #expect(calibration.wallNanoseconds(at: last.ticks) == 1_800_000_000_000_000_000)
        let early = calibration.wallNanoseconds(at: first.ticks)
        let expected = 1_800_000_000_000_000_000 - Int64(nanoseconds)
        #expect(abs(early - expected) <= Int64(ticks >> 31) + 2)
        let late = calibration.wallNanoseconds(at: last.ticks + ticks / 2)
        #expect(abs(late - 1_800_000_000_000_000_000 - Int64(nanoseconds / 2)) <= Int64(ticks >> 31) + 2)
    }

    @Test func aStandingClockDoesNotDivideByZero() {
        let reading = ClockReading(ticks: 10, monotonicNanoseconds: 10, wallNanoseconds: 10)
        #expect(Calibration(from: reading, to: reading).wallNanoseconds(at: 15) == 15)
    }

    @Test func theMachinesClockGivesWallTime() {
        var calibrator = Calibrator(clock: .system)
        let calibration = calibrator.update()
        let reading = TickSource.system.reading()
        let difference = calibration.wallNanoseconds(at: reading.ticks) - Int64(reading.wallNanoseconds)
        #expect(difference.magnitude < 5_000_000)
        #expect(TickSource.system.now() <= TickSource.system.now())
    }
}
