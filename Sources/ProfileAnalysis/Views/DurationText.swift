/// Durations as a user writes them.
package enum DurationText {
    /// Nanoseconds of `10ms`, `1.5s`, `250us`, `800ns`; a bare number is milliseconds. None when it is no such text, or
    /// beyond a day.
    package static func nanoseconds(_ text: String) -> Int64? {
        let units: [(suffix: String, factor: Double)] = [
            ("ns", 1), ("us", 1000), ("µs", 1000), ("ms", 1_000_000), ("s", 1_000_000_000), ("", 1_000_000),
        ]
        for unit in units where text.hasSuffix(unit.suffix) {
            guard let number = Double(text.dropLast(unit.suffix.count)), number.isFinite, number >= 0 else {
                return nil
            }
            let nanoseconds = number * unit.factor
            return nanoseconds <= 86_400_000_000_000 ? Int64(nanoseconds.rounded()) : nil
        }
        return nil
    }
}
