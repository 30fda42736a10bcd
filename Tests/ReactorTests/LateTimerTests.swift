import Glibc
import Profiling
import Testing

@testable import Reactor

/// What is told of timers that fire late. The reactor is driven by hand on the test's thread.
struct LateTimerTests {
    private static let label = ReactorSites.timer("dlg-timer")
    private static let overdue = Reactor.timerOverdueMillisecondsLimit
    private let process: ReactorProcess

    init() throws {
        process = try ProcessTable(profiler: nil, statistics: Statistics()).make(
            description: "Timer handler", kind: .timer)
    }

    /// Holds the thread up by the clock.
    private func hold(_ milliseconds: Int) { usleep(UInt32(milliseconds * 1000)) }

    private func run(until condition: () -> Bool) { while !condition() { process.reactor.runOnce() } }

    @Test func aTimerThatIsOverdueIsToldOfBeforeItFires() {
        var told: [(Site, Int)] = []
        var firedAfter = 0
        process.reactor.onLateTimer = { told.append(($0, $1)) }
        process.reactor.runOnce()
        process.reactor.schedule(afterMilliseconds: 10, label: Self.label) { firedAfter = told.count }
        hold(Self.overdue + 100)
        run { process.reactor.figures.snapshot().timersFired == 1 }
        #expect(told.count == 1 && firedAfter == 1)
        #expect(told[0].0 == Self.label && told[0].1 > Self.overdue)
        let figures = process.reactor.figures.snapshot()
        #expect(figures.timersLate == 1 && figures.timerLatenessMillisecondsMax == told[0].1)
    }

    @Test func aTimerThatIsALittleLateIsCountedOnly() {
        var told = 0
        process.reactor.onLateTimer = { _, _ in told += 1 }
        process.reactor.runOnce()
        process.reactor.schedule(afterMilliseconds: 10, label: Self.label) {}
        hold(10 + Reactor.timerLateMillisecondsLimit + 20)
        run { process.reactor.figures.snapshot().timersFired == 1 }
        let figures = process.reactor.figures.snapshot()
        #expect(figures.timersLate == 1)
        // A machine that stood still in between makes it overdue indeed.
        #expect(told == (figures.timerLatenessMillisecondsMax > Self.overdue ? 1 : 0))
    }

    @Test func whatHappensBeforeTheReactorRunsMakesNoPeriodicTimerLate() {
        var fired = 0
        let timer = process.reactor.every(milliseconds: 150, label: Self.label) { fired += 1 }
        hold(Self.overdue + 200)
        process.reactor.runOnce()
        #expect(fired == 0 && timer.isArmed)
        run { fired == 1 }
    }

    @Test func aPeriodicTimerThatWasInvalidatedBeforeTheReactorRunsNeverFires() {
        let timer = process.reactor.every(milliseconds: 1, label: Self.label) { Issue.record("fired") }
        timer.invalidate()
        process.reactor.runOnce()
        hold(5)
        process.reactor.runOnce()
        #expect(!timer.isArmed)
    }
}
