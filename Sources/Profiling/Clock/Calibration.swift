/// How ticks become wall time: one moment known in both, and the rate.
///
/// A session keeps the one that it began with, so that a step of the system clock moves sessions, never bends one.
struct Calibration: Sendable, Equatable {
    private(set) var anchorTicks: UInt64
    private(set) var anchorWallNanoseconds: UInt64
    /// Nanoseconds per tick, times 2³².
    private(set) var scale: UInt64

    static let identity = Calibration(anchorTicks: 0, anchorWallNanoseconds: 0, scale: 1 << 32)

    /// The rate from two readings, anchored at the later one.
    init(from first: ClockReading, to last: ClockReading) {
        let ticks = last.ticks &- first.ticks
        let nanoseconds = last.monotonicNanoseconds &- first.monotonicNanoseconds
        anchorTicks = last.ticks
        anchorWallNanoseconds = last.wallNanoseconds
        guard ticks > 0 else {
            scale = 1 << 32
            return
        }
        let wide = nanoseconds.multipliedFullWidth(by: 1 << 32)
        scale = wide.high < ticks ? ticks.dividingFullWidth(wide).quotient : 1 << 32
    }

    private init(anchorTicks: UInt64, anchorWallNanoseconds: UInt64, scale: UInt64) {
        self.anchorTicks = anchorTicks
        self.anchorWallNanoseconds = anchorWallNanoseconds
        self.scale = scale
    }

    /// Nanoseconds since 1970 at that tick, before or after the anchor.
    func wallNanoseconds(at ticks: UInt64) -> Int64 {
        let after = ticks &- anchorTicks
        return Int64(bitPattern: after) >= 0
            ? Int64(bitPattern: anchorWallNanoseconds &+ nanoseconds(after))
            : Int64(bitPattern: anchorWallNanoseconds &- nanoseconds(0 &- after))
    }

    private func nanoseconds(_ ticks: UInt64) -> UInt64 {
        let wide = ticks.multipliedFullWidth(by: scale)
        return wide.high &<< 32 | wide.low &>> 32
    }
}
