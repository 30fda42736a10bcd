/// A calendar date and time of day without zone, and the day arithmetic of the proleptic Gregorian calendar.
struct CivilTime: Equatable, Sendable {
    /// Days since 1 January 1970.
    var day: Int
    /// Seconds since midnight, 0..<86400.
    var second: Int

    /// From seconds since 1970 in the zone's own time.
    init(localSeconds: Int) {
        day = localSeconds >= 0 ? localSeconds / 86400 : -((-localSeconds + 86399) / 86400)
        second = localSeconds - day * 86400
    }

    /// From `YYYYMMDD` or `YYYYMMDDTHHMMSS`, a trailing `Z` aside. Nil when it is not a date.
    init?(_ text: Substring) {
        var digits = text
        if digits.last == "Z" { digits = digits.dropLast() }
        guard digits.utf8.count == 8 || (digits.utf8.count == 15 && digits.dropFirst(8).first == "T") else {
            return nil
        }
        guard let date = Int(digits.prefix(8)), date > 0 else { return nil }
        let (year, month, mday) = (date / 10000, date / 100 % 100, date % 100)
        guard (1...12).contains(month), (1...Self.days(inMonth: month, year: year)).contains(mday) else { return nil }
        day = Self.day(year: year, month: month, mday: mday)
        second = 0
        if digits.utf8.count == 15 {
            guard let time = Int(digits.dropFirst(9)), time >= 0 else { return nil }
            let (hour, minute, seconds) = (time / 10000, time / 100 % 100, time % 100)
            guard hour < 24, minute < 60, seconds < 60 else { return nil }
            second = hour * 3600 + minute * 60 + seconds
        }
    }

    var localSeconds: Int { day * 86400 + second }

    /// 0 for Sunday … 6 for Saturday.
    static func weekday(_ day: Int) -> Int { ((day % 7) + 11) % 7 }

    /// Days since 1970 of a date (the era algorithm of civil calendars).
    static func day(year: Int, month: Int, mday: Int) -> Int {
        let shifted = month <= 2 ? year - 1 : year
        let era = (shifted >= 0 ? shifted : shifted - 399) / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + mday - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    /// Year, month and day of the month of a day since 1970.
    static func date(_ day: Int) -> (year: Int, month: Int, mday: Int) {
        let shifted = day + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthShifted = (5 * dayOfYear + 2) / 153
        let month = monthShifted < 10 ? monthShifted + 3 : monthShifted - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        return (year, month, dayOfYear - (153 * monthShifted + 2) / 5 + 1)
    }

    static func isLeap(_ year: Int) -> Bool { year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) }

    static func days(inMonth month: Int, year: Int) -> Int {
        switch month {
        case 2: isLeap(year) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    /// ISO week number of a day, weeks beginning on Monday.
    static func week(_ day: Int) -> Int {
        let year = date(thursday(of: day)).year
        return (thursday(of: day) - Self.day(year: year, month: 1, mday: 1)) / 7 + 1
    }

    /// Number of ISO weeks of the year that the week of `day` belongs to.
    static func weeks(inYearOf day: Int) -> Int {
        week(Self.day(year: date(thursday(of: day)).year, month: 12, mday: 28))
    }

    private static func thursday(of day: Int) -> Int { day - (weekday(day) + 6) % 7 + 3 }
}
