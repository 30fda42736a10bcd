import Profiling
import Testing

@testable import Reactor

/// The wheel against a plain list of due ticks, on a clock of the test's own.
struct TimerWheelTests {
    private static func makeReactor() throws -> Reactor {
        try Reactor(probe: .unattached(), processSite: .silent)
    }

    @Test(arguments: [1, 2, 63, 64, 65, 127, 4095, 4096, 4097, 32_000, 262_143, 262_144, 300_000, 86_400_000])
    func firesAtItsTickAndNotBefore(delay: UInt64) throws {
        let reactor = try Self.makeReactor()
        for start: UInt64 in [0, 1, 63, 64, 1000, 4095, 262_143, 123_456_789] {
            let wheel = Wheel(now: start)
            let timer = reactor.makeTimer(label: .silent) {}
            wheel.arm(timer, due: start + delay)
            wheel.advance(to: start + delay - 1)
            #expect(wheel.popDue() == nil, "early: start \(start), delay \(delay)")
            wheel.advance(to: start + delay)
            #expect(wheel.popDue() === timer, "start \(start), delay \(delay)")
            #expect(wheel.armedCount == 0)
            #expect(wheel.nextTick() == nil)
        }
    }

    @Test func nextTickIsNeverLateAndLeadsToTheTimer() throws {
        let reactor = try Self.makeReactor()
        let wheel = Wheel(now: 5)
        let timer = reactor.makeTimer(label: .silent) {}
        wheel.arm(timer, due: 1_000_005)
        var looks = 0
        while let tick = wheel.nextTick(), tick <= 1_000_005, !wheel.hasDue {
            #expect(tick > wheel.now)
            wheel.advance(to: tick)
            looks += 1
        }
        #expect(wheel.popDue() === timer)
        #expect(wheel.now == 1_000_005)
        #expect(looks <= TimerWheel.levels)
    }

    @Test(arguments: 0..<20 as Range<UInt64>)
    func agreesWithAPlainList(seed: UInt64) throws {
        var random = SplitMix(state: seed)
        let reactor = try Self.makeReactor()
        let wheel = Wheel(now: random.next() % 10_000_000)
        var expected: [ObjectIdentifier: UInt64] = [:]
        var timers = (0..<200).map { _ in reactor.makeTimer(label: .silent) {} }
        timers.shuffle(using: &random)
        for _ in 0..<3000 {
            let timer = timers[Int(random.next() % 200)]
            switch random.next() % 4 {
            case 0:
                #expect(wheel.disarm(timer) == (expected.removeValue(forKey: ObjectIdentifier(timer)) != nil))
            case 1:
                let step = [0, 1, 3, 64, 500, 5000, 300_000][Int(random.next() % 7)]
                let now = wheel.now + UInt64(step)
                wheel.advance(to: now)
                var fired: [UInt64] = []
                while let due = wheel.popDue() {
                    #expect(expected.removeValue(forKey: ObjectIdentifier(due)) == due.due)
                    #expect(due.due <= now)
                    fired.append(due.due)
                }
                #expect(fired == fired.sorted())
                #expect(expected.values.allSatisfy { $0 > now })
            default:
                let delay = 1 + random.next() % [10, 100, 5000, 1_000_000][Int(random.next() % 4)]
                wheel.arm(timer, due: wheel.now + delay)
                expected[ObjectIdentifier(timer)] = wheel.now + delay
            }
            #expect(wheel.armedCount == expected.count)
            if let earliest = expected.values.min() {
                let next = try #require(wheel.nextTick())
                #expect(next <= earliest)
            } else {
                #expect(wheel.nextTick() == nil)
            }
        }
    }

    @Test func aTimerMayCancelAnotherOfTheSameTick() throws {
        let reactor = try Self.makeReactor()
        let wheel = Wheel(now: 0)
        let (first, second) = (reactor.makeTimer(label: .silent) {}, reactor.makeTimer(label: .silent) {})
        wheel.arm(first, due: 10)
        wheel.arm(second, due: 10)
        wheel.advance(to: 10)
        #expect(wheel.popDue() === first)
        #expect(wheel.disarm(second))
        #expect(wheel.popDue() == nil)
    }

    @Test func theWheelLetsGoOfItsTimers() throws {
        let reactor = try Self.makeReactor()
        weak var seen: Timer?
        do {
            let wheel = Wheel(now: 0)
            let timer = reactor.makeTimer(label: .silent) {}
            seen = timer
            wheel.arm(timer, due: 100)
            wheel.arm(timer, due: 200)
        }
        #expect(seen == nil)
    }
}

/// The wheel behind a reference, since the macros of the tests copy what they look at.
private final class Wheel {
    private var wheel: TimerWheel
    init(now: UInt64) { wheel = TimerWheel(now: now) }
    var now: UInt64 { wheel.now }
    var armedCount: Int { wheel.armedCount }
    var hasDue: Bool { wheel.hasDue }
    func nextTick() -> UInt64? { wheel.nextTick() }
    func arm(_ timer: Timer, due: UInt64) { wheel.arm(timer, due: due) }
    func disarm(_ timer: Timer) -> Bool { wheel.disarm(timer) }
    func advance(to tick: UInt64) { wheel.advance(to: tick) }
    func popDue() -> Timer? { wheel.popDue() }
}

/// A small random generator with a seed, so that a failure can be seen again.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}
