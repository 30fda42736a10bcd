/// How long to wait between the attempts for one batch, and when to give it up: exponential with jitter (OTLP, "Failures").
///
/// A value without a clock: times are monotonic nanoseconds that the caller reads.
package struct RetryPolicy: Sendable, Hashable {
    package var firstNanoseconds: UInt64 = 1_000_000_000
    package var factor = 2.0
    package var nanosecondsMax: UInt64 = 15_000_000_000
    /// The wait is multiplied by a random number in this range, so that many servers don't ask in step.
    package var jitter: ClosedRange<Double> = 0.8...1.2

    /// The longest wait that a collector can ask for.
    package var wantedNanosecondsMax = UInt64(ExportLimits.retryAfterSecondsMax) * 1_000_000_000

    package init() {}

    /// For batches that may take so long: the first wait is a second, or a tenth of that time where it is less; the longest
    /// that a collector can ask for is twice that time, a minute at most.
    package init(batchMilliseconds: Int) {
        firstNanoseconds = min(firstNanoseconds, UInt64(batchMilliseconds) * 100_000)
        wantedNanosecondsMax = min(wantedNanosecondsMax, UInt64(batchMilliseconds) * 2_000_000)
    }

    /// What to do after the attempt number `attempt` (from 1) for a batch failed.
    ///
    /// - Parameters:
    ///   - wanted: The wait that the collector asked for, bounded already; nil or 0: none. It is kept even where it lasts longer than
    ///     the batch may: the batch gets one more attempt after it.
    ///   - deadline: When the batch is given up.
    ///   - random: A number in a range.
    /// - Returns: How long to wait, or nil to give up.
    package func wait(
        attempt: Int, wanted: UInt64?, now: UInt64, deadline: UInt64, random: (ClosedRange<Double>) -> Double
    ) -> UInt64? {
        guard now < deadline else { return nil }
        if let wanted, wanted > 0 { return min(wanted, wantedNanosecondsMax) }
        var wait = Double(firstNanoseconds)
        for _ in 1..<max(1, min(attempt, 64)) { wait = min(wait * factor, Double(nanosecondsMax)) }
        let jittered = UInt64(wait * random(jitter))
        return now + jittered < deadline ? jittered : nil
    }
}
