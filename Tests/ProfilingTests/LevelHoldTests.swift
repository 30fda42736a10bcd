import Glibc
import Testing

@testable import Profiling

/// Levels that are held: of several the highest is in force, and whoever sets one ends them.
@Suite struct LevelHoldTests {
    private enum Step {
        case set(Level)
        case hold(String, Level, UInt64?)
        case release(String)
        case pass(UInt64)
    }

    private static let sequences: [(String, [(Step, Level)])] = [
        (
            "the lower ends first",
            [
                (.hold("a", .stack, nil), .stack), (.hold("b", .timers, nil), .timers), (.release("a"), .timers),
                (.release("b"), .off),
            ]
        ),
        (
            "the higher ends first",
            [
                (.hold("b", .timers, nil), .timers), (.hold("a", .stack, nil), .timers), (.release("b"), .stack),
                (.release("a"), .off),
            ]
        ),
        (
            "what is set stays",
            [
                (.set(.extra), .extra), (.hold("a", .stack, nil), .extra), (.hold("b", .timers, nil), .timers),
                (.set(.stack), .stack), (.release("b"), .stack), (.release("a"), .stack),
            ]
        ),
        (
            "it ends by itself, but not what was held anew",
            [
                (.hold("a", .stack, 10), .stack), (.hold("b", .timers, 20), .timers), (.pass(9), .timers),
                (.hold("a", .stack, 20), .timers), (.pass(11), .stack), (.pass(8), .stack), (.pass(1), .off),
            ]
        ),
        ("off holds nothing", [(.set(.stack), .stack), (.hold("a", .off, nil), .stack)]),
    ]

    @Test(arguments: sequences.indices)
    func levelInForce(index: Int) {
        let (name, steps) = Self.sequences[index]
        var held = HeldLevel(.off)
        var now: UInt64 = 0
        for (number, (step, level)) in steps.enumerated() {
            switch step {
            case .set(let level): held.set(level)
            case .hold(let holder, let level, let time):
                let end = time.map { now + $0 }
                let isHeld = held.hold(LevelHold(holder: holder, level: level, endsAtNanoseconds: end))
                #expect(isHeld)
            case .release(let holder): held.release(holder)
            case .pass(let time):
                now += time
                _ = held.endOverdue(at: now)
            }
            #expect(held.level == level, "\(name), step \(number)")
        }
    }

    @Test func aProcessHasSoManyHolders() {
        var held = HeldLevel(.off)
        func hold(_ hold: LevelHold, _ held: inout HeldLevel) -> Bool { held.hold(hold) }
        for number in 0..<LevelHold.countMax {
            #expect(hold(LevelHold(holder: "\(number)", level: .stack, endsAtNanoseconds: nil), &held))
        }
        #expect(!hold(LevelHold(holder: "one more", level: .timers, endsAtNanoseconds: nil), &held))
        #expect(hold(LevelHold(holder: "0", level: .extra, endsAtNanoseconds: nil), &held))
        #expect(held.level == .extra)
    }

    @Test func oneProcessOrAll() {
        let profiler = Profiler()
        for id in 0..<3 { _ = profiler.addProcess(id: id, description: "p", type: 1) }
        let levels = { (0..<3).map { profiler.level(process: $0)?.rawValue } }
        #expect(profiler.hold(.timers, process: 1, holder: "a") && levels() == [0, 3, 0])
        #expect(profiler.hold(.stack, holder: "b") && levels() == [1, 3, 1])
        profiler.release(holder: "a")
        #expect(levels() == [1, 1, 1])
        profiler.setLevel(.extra, process: 2)
        profiler.release(holder: "b")
        #expect(levels() == [0, 0, 2])
        #expect(!profiler.hold(.stack, process: 7, holder: "a"))
    }

    /// The collector, which sleeps while nobody listens, ends it.
    @Test func aHoldEndsWhileNobodyListens() throws {
        let profiler = Profiler()
        _ = profiler.addProcess(id: 0, description: "p", type: 1)
        profiler.start()
        defer { profiler.stop() }
        profiler.hold(.timers, holder: "killed", nanoseconds: 300_000_000)
        #expect(profiler.level(process: 0) == .timers)
        let held = try #require(profiler.holds(process: 0))
        #expect(held.own == .off && held.holds.map(\.hold.holder) == ["killed"])
        #expect(eventually { profiler.level(process: 0) == .off })
    }

    private func eventually(_ condition: () -> Bool) -> Bool {
        for _ in 0..<10_000 where !condition() { usleep(1000) }
        return condition()
    }
}
