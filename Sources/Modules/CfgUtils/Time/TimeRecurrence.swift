import Foundation

/// One time recurrence of RFC 2445: `timezone|dtstart|dtend|duration|freq|until|interval|byday|…`.
struct TimeRecurrence: Sendable {
    enum Frequency: String, Sendable {
        case daily, weekly, monthly, yearly
    }

    /// A number with a weekday: `2MO`, `-1FR`, `TU`.
    struct WeekdayRule: Sendable {
        /// 0 for every such weekday of the period.
        let ordinal: Int
        let weekday: Int
    }

    private let zone: TimeZone
    private let start: CivilTime
    private let durationSeconds: Int?
    private let frequency: Frequency?
    private let until: CivilTime?
    private let interval: Int
    private let weekdays: [WeekdayRule]
    private let monthDays: [Int]
    private let yearDays: [Int]
    private let weeks: [Int]
    private let months: [Int]

    /// Days that one occurrence may last: what a check has to look back.
    private static let durationDaysMax = 366

    /// Reads one recurrence. Nil when it is none.
    init?(_ text: Substring) {
        var fields = text.split(separator: "|", omittingEmptySubsequences: false).map { field in
            field.drop { $0.isWhitespace }.reversed().drop { $0.isWhitespace }.reversed()
        }.map { String($0) }
        // A time zone is optional: without one the first field is a date.
        if let first = fields.first, CivilTime(Substring(first)) == nil {
            guard first.isEmpty || TimeZone(identifier: first) != nil else { return nil }
            zone = TimeZone(identifier: first) ?? .current
            fields.removeFirst()
        } else {
            zone = .current
        }
        while fields.last?.isEmpty == true { fields.removeLast() }
        func field(_ index: Int) -> String { index < fields.count ? fields[index] : "" }
        guard fields.count <= 11, let start = CivilTime(Substring(field(0))) else { return nil }
        self.start = start
        if !field(1).isEmpty {
            guard let end = CivilTime(Substring(field(1))), end.localSeconds > start.localSeconds else { return nil }
            durationSeconds = end.localSeconds - start.localSeconds
        } else if !field(2).isEmpty {
            guard let seconds = Self.duration(field(2)) else { return nil }
            durationSeconds = seconds
        } else {
            durationSeconds = nil
        }
        if field(3).isEmpty {
            frequency = nil
        } else {
            guard let frequency = Frequency(rawValue: field(3).lowercased()) else { return nil }
            self.frequency = frequency
        }
        until = field(4).isEmpty ? nil : CivilTime(Substring(field(4)))
        guard field(4).isEmpty || until != nil else { return nil }
        guard field(5).isEmpty || (Int(field(5)) ?? 0) > 0 else { return nil }
        interval = Int(field(5)) ?? 1
        guard let weekdays = Self.weekdays(field(6)), let monthDays = Self.numbers(field(7), 31),
            let yearDays = Self.numbers(field(8), 366), let weeks = Self.numbers(field(9), 53),
            let months = Self.numbers(field(10), 12)
        else { return nil }
        (self.weekdays, self.monthDays, self.yearDays, self.weeks, self.months) =
            (weekdays, monthDays, yearDays, weeks, months)
    }

    /// The Unix seconds that are looked at: the years 1 to 9999, as dates are written with four digits.
    private static let secondsKnown = -62_135_596_800...253_402_300_799

    /// Whether the Unix second `now` lies in an occurrence.
    func contains(_ now: Int) -> Bool {
        guard Self.secondsKnown.contains(now) else { return false }
        let offset = zone.secondsFromGMT(for: Date(timeIntervalSince1970: TimeInterval(now)))
        let local = CivilTime(localSeconds: now + offset)
        guard local.localSeconds >= start.localSeconds else { return false }
        if let until, local.localSeconds > until.localSeconds { return false }
        guard let frequency else {
            return durationSeconds.map { local.localSeconds < start.localSeconds + $0 } ?? true
        }
        let duration = durationSeconds ?? 86400
        let daysBack = min(Self.durationDaysMax, (duration + 86399) / 86400)
        for day in (local.day - daysBack)...local.day where day >= start.day {
            let begin = day * 86400 + start.second
            guard begin <= local.localSeconds, local.localSeconds < begin + duration else { continue }
            if isOccurrence(day, frequency) { return true }
        }
        return false
    }

    private func isOccurrence(_ day: Int, _ frequency: Frequency) -> Bool {
        let date = CivilTime.date(day)
        let first = CivilTime.date(start.day)
        let hasRule = !(weekdays.isEmpty && monthDays.isEmpty && yearDays.isEmpty && weeks.isEmpty && months.isEmpty)
        switch frequency {
        case .daily:
            guard (day - start.day) % interval == 0 else { return false }
        case .weekly:
            guard (Self.monday(of: day) - Self.monday(of: start.day)) / 7 % interval == 0 else { return false }
            guard !weekdays.isEmpty || CivilTime.weekday(day) == CivilTime.weekday(start.day) else { return false }
        case .monthly:
            let distance = (date.year - first.year) * 12 + date.month - first.month
            guard distance % interval == 0 else { return false }
            guard hasRule || date.mday == first.mday else { return false }
        case .yearly:
            guard (date.year - first.year) % interval == 0 else { return false }
            guard hasRule || (date.month == first.month && date.mday == first.mday) else { return false }
        }
        return matchesRules(day, date, frequency)
    }

    private func matchesRules(_ day: Int, _ date: (year: Int, month: Int, mday: Int), _ frequency: Frequency) -> Bool {
        let monthLength = CivilTime.days(inMonth: date.month, year: date.year)
        let yearDay = day - CivilTime.day(year: date.year, month: 1, mday: 1) + 1
        let yearLength = CivilTime.isLeap(date.year) ? 366 : 365
        func matches(_ list: [Int], _ number: Int, of length: Int) -> Bool {
            list.isEmpty || list.contains { $0 == number || $0 == number - length - 1 }
        }
        guard months.isEmpty || months.contains(date.month), matches(monthDays, date.mday, of: monthLength),
            matches(yearDays, yearDay, of: yearLength),
            matches(weeks, CivilTime.week(day), of: CivilTime.weeks(inYearOf: day))
        else { return false }
        if weekdays.isEmpty { return true }
        let (position, length) = frequency == .yearly ? (yearDay, yearLength) : (date.mday, monthLength)
        return weekdays.contains { rule in
            guard rule.weekday == CivilTime.weekday(day) else { return false }
            if rule.ordinal == 0 || frequency == .daily || frequency == .weekly { return true }
            return rule.ordinal == (position - 1) / 7 + 1 || rule.ordinal == -((length - position) / 7 + 1)
        }
    }

    private static func monday(of day: Int) -> Int { day - (CivilTime.weekday(day) + 6) % 7 }

    private static func weekdays(_ text: String) -> [WeekdayRule]? {
        let names = ["SU", "MO", "TU", "WE", "TH", "FR", "SA"]
        var rules: [WeekdayRule] = []
        for word in text.split(separator: ",") {
            let word = word.filter { !$0.isWhitespace }.uppercased()
            guard let weekday = names.firstIndex(of: String(word.suffix(2))) else { return nil }
            let prefix = word.dropLast(2)
            guard prefix.isEmpty || Int(prefix) != nil else { return nil }
            rules.append(WeekdayRule(ordinal: Int(prefix) ?? 0, weekday: weekday))
        }
        return rules
    }

    private static func numbers(_ text: String, _ bound: Int) -> [Int]? {
        var numbers: [Int] = []
        for word in text.split(separator: ",") {
            guard let number = Int(word.filter { !$0.isWhitespace }), number != 0, number.magnitude <= bound else {
                return nil
            }
            numbers.append(number)
        }
        return numbers
    }

    /// Seconds of a duration such as `P1DT2H`, `p30d`, `PT90M`, `P2W`.
    private static func duration(_ text: String) -> Int? {
        var rest = text.uppercased()[...]
        if rest.first == "+" { rest = rest.dropFirst() }
        guard rest.first == "P" else { return nil }
        rest = rest.dropFirst()
        var (total, isTime) = (0, false)
        while let first = rest.first {
            if first == "T" {
                isTime = true
                rest = rest.dropFirst()
                continue
            }
            let digits = rest.prefix { $0.isNumber }
            rest = rest.dropFirst(digits.count)
            guard let number = Int(digits), number < 1_000_000, let unit = rest.first else { return nil }
            rest = rest.dropFirst()
            switch (unit, isTime) {
            case ("W", false): total += number * 604_800
            case ("D", false): total += number * 86400
            case ("H", true): total += number * 3600
            case ("M", true): total += number * 60
            case ("S", true): total += number
            default: return nil
            }
        }
        return total > 0 ? total : nil
    }
}
