/// When a collector wants to be asked again: `Retry-After` (RFC 9110 §10.2.3) or gRPC's `RetryInfo`.
package enum RetryDelay: Sendable, Hashable {
    case nanoseconds(UInt64)
    /// Seconds since 1970.
    case date(Int)

    /// Reads a `Retry-After`. Nil for what is neither a number of seconds from 0 up nor a date: it is then as if there were none.
    package init?(header: String) {
        let text = header.split(separator: " ").joined(separator: " ")
        if !text.isEmpty, text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) {
            // More digits than fit are a long time too.
            let seconds = min(UInt64(text) ?? .max, UInt64(Int32.max))
            self = .nanoseconds(seconds * 1_000_000_000)
        } else if let seconds = HTTPDate.seconds(text) {
            self = .date(seconds)
        } else {
            return nil
        }
    }

    /// How long to wait from now, bounded by ``ExportLimits/retryAfterSecondsMax``; 0 for a date that has passed. The system clock
    /// is asked for a date only, so that its steps can't do more than that bound.
    package func nanoseconds(wallNanoseconds now: UInt64) -> UInt64 {
        let limit = UInt64(ExportLimits.retryAfterSecondsMax) * 1_000_000_000
        switch self {
        case .nanoseconds(let wait): return min(wait, limit)
        case .date(let seconds):
            let wait = seconds - Int(clamping: now / 1_000_000_000)
            return wait <= 0 ? 0 : min(UInt64(wait), limit / 1_000_000_000) * 1_000_000_000
        }
    }
}

/// Dates of HTTP in their three forms (RFC 9110 §5.6.7).
enum HTTPDate {
    private static let months = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]

    /// Seconds since 1970, or nil.
    static func seconds(_ text: String) -> Int? {
        let words = text.lowercased().split(whereSeparator: { $0 == " " || $0 == "-" || $0 == "," })
        // sun 06 nov 1994 08:49:37 gmt | sunday 06 nov 94 08:49:37 gmt | sun nov 6 08:49:37 1994
        let parts: (day: Substring, month: Substring, year: Substring, time: Substring)
        if words.count == 6, words[5] == "gmt" {
            parts = (words[1], words[2], words[3], words[4])
        } else if words.count == 5, !text.contains(where: { $0 == "-" || $0 == "," }) {
            parts = (words[2], words[1], words[4], words[3])
        } else {
            return nil
        }
        guard let day = number(parts.day, 1...31), let month = months.firstIndex(of: String(parts.month)),
            var year = number(parts.year, 0...9999)
        else { return nil }
        // A year of two digits is the one nearest to our time.
        if parts.year.count == 2 { year += year < 70 ? 2000 : 1900 }
        let time = parts.time.split(separator: ":", omittingEmptySubsequences: false)
        guard year >= 1970, time.count == 3, let hour = number(time[0], 0...23), let minute = number(time[1], 0...59),
            let second = number(time[2], 0...60)
        else { return nil }
        return days(year: year, month: month + 1, day: day) * 86400 + hour * 3600 + minute * 60 + second
    }

    private static func number(_ text: Substring, _ range: ClosedRange<Int>) -> Int? {
        guard text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }), let number = Int(text),
            range.contains(number)
        else { return nil }
        return number
    }

    /// Days since 1970-01-01 of a date of the Gregorian calendar; years are counted from March so that the leap day is the last.
    private static func days(year: Int, month: Int, day: Int) -> Int {
        let shifted = month > 2 ? year : year - 1
        let era = shifted / 400
        let yearOfEra = shifted % 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }
}
