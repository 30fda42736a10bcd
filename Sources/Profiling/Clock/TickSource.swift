internal import CPlatform
import Synchronization

/// Where ticks come from.
///
/// The processor's counter where the kernel itself trusts it, else `CLOCK_MONOTONIC`; a number set by hand in tests.
package final class TickSource: Sendable {
    /// The clock of this machine.
    package static let system = TickSource(usesCounter: cplatform_counter_is_clock(), isManual: false)

    /// A clock that stands until it is moved; ticks and wall time in nanoseconds.
    package static func manual() -> TickSource { TickSource(usesCounter: false, isManual: true) }

    package let usesCounter: Bool
    let isManual: Bool
    private let manualTicks = Atomic<UInt64>(1_000_000)
    private let manualWall = Atomic<UInt64>(1_700_000_000_000_000_000)

    private init(usesCounter: Bool, isManual: Bool) {
        self.usesCounter = usesCounter
        self.isManual = isManual
    }

    /// The processor's counter; right only where `usesCounter`.
    @inline(__always)
    static func counter() -> UInt64 { cplatform_counter() }

    /// Ticks now.
    @inline(__always)
    package func now() -> UInt64 { usesCounter ? cplatform_counter() : slowNow() }

    @inline(never)
    private func slowNow() -> UInt64 {
        isManual ? manualTicks.load(ordering: .relaxed) : cplatform_monotonic_nanoseconds()
    }

    /// Lets time pass on a manual clock.
    package func advance(nanoseconds: UInt64) {
        manualTicks.wrappingAdd(nanoseconds, ordering: .relaxed)
        manualWall.wrappingAdd(nanoseconds, ordering: .relaxed)
    }

    /// Steps the wall time of a manual clock, as an operator's `date -s` does.
    package func stepWall(nanoseconds: Int64) {
        manualWall.wrappingAdd(UInt64(bitPattern: nanoseconds), ordering: .relaxed)
    }

    /// Monotonic and wall time with the ticks at the same moment: the tightest of a few tries.
    func reading() -> ClockReading {
        guard !isManual else {
            let ticks = manualTicks.load(ordering: .relaxed)
            return ClockReading(
                ticks: ticks, monotonicNanoseconds: ticks, wallNanoseconds: manualWall.load(ordering: .relaxed))
        }
        var best = ClockReading(ticks: 0, monotonicNanoseconds: 0, wallNanoseconds: 0)
        var width = UInt64.max
        for _ in 0..<5 {
            let before = now()
            let monotonic = cplatform_monotonic_nanoseconds()
            let wall = cplatform_wall_nanoseconds()
            let after = now()
            if after &- before < width {
                width = after &- before
                best = ClockReading(
                    ticks: before &+ width / 2, monotonicNanoseconds: monotonic, wallNanoseconds: wall)
            }
        }
        return best
    }
}

/// The three clocks at one moment.
struct ClockReading {
    var ticks: UInt64
    var monotonicNanoseconds: UInt64
    var wallNanoseconds: UInt64
}
