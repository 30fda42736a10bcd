/// Counts of durations in buckets that are each at most 1/32 wide of what they hold: bounded, exact in count, sum,
/// least and greatest, and within 3 % in between.
package struct Histogram: Sendable, Hashable {
    package private(set) var count = 0
    package private(set) var total: Int64 = 0
    package private(set) var least: Int64 = 0
    package private(set) var greatest: Int64 = 0
    private var buckets: [UInt32] = []

    private static let subBits = 5

    package init() {}

    /// Adds a duration; negative ones count as 0.
    package mutating func add(_ nanoseconds: Int64) {
        let value = max(0, nanoseconds)
        least = count == 0 ? value : min(least, value)
        greatest = max(greatest, value)
        count += 1
        total = total.addingReportingOverflow(value).overflow ? Int64.max : total + value
        let bucket = Histogram.bucket(value)
        if bucket >= buckets.count {
            buckets.append(contentsOf: repeatElement(0, count: bucket + 1 - buckets.count))
        }
        buckets[bucket] &+= 1
    }

    package var mean: Int64 { count == 0 ? 0 : total / Int64(count) }

    /// The duration that this share of them does not exceed: 0.5 is the median.
    package func quantile(_ share: Double) -> Int64 {
        guard count > 0 else { return 0 }
        let rank = min(count, max(1, Int((Double(count) * share).rounded(.up))))
        if rank == count { return greatest }
        var seen = 0
        for (bucket, held) in buckets.enumerated() {
            seen += Int(held)
            if seen >= rank { return min(greatest, max(least, Histogram.upperBound(bucket))) }
        }
        return greatest
    }

    /// 0…31 exactly, then 32 buckets for each power of two.
    private static func bucket(_ value: Int64) -> Int {
        let sub = Int64(1) << subBits
        guard value >= sub else { return Int(value) }
        let exponent = 63 - value.leadingZeroBitCount - subBits
        return (exponent + 1) << subBits + Int(value >> Int64(exponent) - sub)
    }

    private static func upperBound(_ bucket: Int) -> Int64 {
        let sub = 1 << subBits
        guard bucket >= sub else { return Int64(bucket) }
        let exponent = bucket >> subBits - 1
        let base = Int64(bucket & (sub - 1) + sub)
        return (base << Int64(exponent)) + (Int64(1) << Int64(exponent) - 1)
    }
}
