import Glibc

/// Keeps the relation of ticks to wall time current.
///
/// A new one is taken when the old one is off by more than `toleranceNanoseconds`: after a step or slew of the system
/// clock, and while the rate is still known from a short time only.
struct Calibrator {
    private let clock: TickSource
    private let first: ClockReading
    private(set) var current: Calibration?

    /// How far wall time may be off before a new relation is taken.
    static let toleranceNanoseconds: Int64 = 2000
    /// The shortest time from which a rate is taken.
    static let spanNanosecondsMin: UInt64 = 2_000_000

    init(clock: TickSource) {
        self.clock = clock
        first = clock.reading()
    }

    /// The relation that holds for sessions beginning now. The first time, it may sleep for `spanNanosecondsMin`: on the
    /// collector's thread, never on a process's.
    mutating func update() -> Calibration {
        var reading = clock.reading()
        if clock.isManual {
            // Ticks are nanoseconds there, also while it stands.
        } else if reading.monotonicNanoseconds - first.monotonicNanoseconds < Calibrator.spanNanosecondsMin {
            usleep(UInt32(Calibrator.spanNanosecondsMin / 1000))
            reading = clock.reading()
        }
        if let current {
            let expected = current.wallNanoseconds(at: reading.ticks)
            let difference = expected - Int64(bitPattern: reading.wallNanoseconds)
            if difference.magnitude <= Calibrator.toleranceNanoseconds.magnitude { return current }
        }
        let taken = Calibration(from: first, to: reading)
        current = taken
        return taken
    }
}
