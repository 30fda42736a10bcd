import Testing

@testable import Modules

/// Unix second of a UTC date in `YYYYMMDDTHHMMSS`.
private func utc(_ text: String) -> Int { CivilTime(Substring(text))?.localSeconds ?? -1 }

@Suite("Time recurrences, RFC 2445")
struct TimeScheduleTests {
    /// Schedule, instant in UTC, whether it matches.
    static let cases: [(String, String, Bool)] = [
        ("UTC|20120101T000000|20121231T235959", "20120601T120000", true),
        ("UTC|20120101T000000|20121231T235959", "20130101T000000", false),
        ("UTC|20120101T000000|20121231T235959", "20111231T235959", false),
        ("UTC|20121101T000000||p30d", "20121130T235959", true),
        ("UTC|20121101T000000||p30d", "20121201T000000", false),
        ("UTC|20121101T000000", "20300101T000000", true),
        // Office hours, Monday to Friday.
        ("UTC|20210104T080000|20210104T180000||WEEKLY|||MO,TU,WE,TH,FR", "20210305T093000", true),
        ("UTC|20210104T080000|20210104T180000||WEEKLY|||MO,TU,WE,TH,FR", "20210306T093000", false),
        ("UTC|20210104T080000|20210104T180000||WEEKLY|||MO,TU,WE,TH,FR", "20210305T180000", false),
        ("UTC|20210104T080000|20210104T180000||WEEKLY|||MO,TU,WE,TH,FR", "20201231T100000", false),
        // Every second day.
        ("UTC|20240101T000000||PT24H|daily||2", "20240103T120000", true),
        ("UTC|20240101T000000||PT24H|daily||2", "20240102T120000", false),
        // Until.
        ("UTC|20240101T000000||PT1H|daily|20240105T000000", "20240106T003000", false),
        // The second Monday and the last Friday of a month; the last day of a month.
        ("UTC|20240101T000000||P1D|monthly|||2MO", "20240212T050000", true),
        ("UTC|20240101T000000||P1D|monthly|||2MO", "20240219T050000", false),
        ("UTC|20240101T000000||P1D|monthly|||-1FR", "20240223T050000", true),
        ("UTC|20240101T000000||P1D|monthly||||-1", "20240229T050000", true),
        ("UTC|20240101T000000||P1D|monthly||||-1", "20240228T050000", false),
        // Christmas.
        ("UTC|20201225T000000||P2D|yearly", "20231226T235959", true),
        ("UTC|20201225T000000||P2D|yearly", "20231227T000000", false),
        ("UTC|20200101T000000||P1D|yearly||||25||||", "20230225T010000", true),
        ("UTC|20200101T000000||P1D|yearly||||||20", "20230517T010000", true),
        ("UTC|20200101T000000||P1D|yearly||||||20", "20230522T010000", false),
        ("UTC|20200101T000000||P1D|yearly|||||-1", "20231231T010000", true),
        ("UTC|20200101T000000||P1D|yearly|||||||3", "20230310T010000", true),
        // A night that begins the day before.
        ("UTC|20240101T220000|20240102T060000||weekly|||FR", "20240106T030000", true),
        ("UTC|20240101T220000|20240102T060000||weekly|||FR", "20240105T030000", false),
        // Zones: 09:00 in New York is 14:00 UTC in winter, 13:00 in summer.
        ("America/New_York|20210104T090000|20210104T170000||WEEKLY|||MO,TU,WE,TH,FR", "20210105T140000", true),
        ("America/New_York|20210104T090000|20210104T170000||WEEKLY|||MO,TU,WE,TH,FR", "20210105T133000", false),
        ("America/New_York|20210104T090000|20210104T170000||WEEKLY|||MO,TU,WE,TH,FR", "20210705T133000", true),
        // Operators.
        (
            "UTC|20210104T080000|20210104T180000||WEEKLY|||MO,TU,WE,TH,FR & "
                + "!UTC|20210104T120000|20210104T140000||WEEKLY|||MO,TU,WE,TH,FR", "20210305T130000", false
        ),
        (
            "UTC|20210104T080000|20210104T180000||WEEKLY|||MO,TU,WE,TH,FR & "
                + "!UTC|20210104T120000|20210104T140000||WEEKLY|||MO,TU,WE,TH,FR", "20210305T150000", true
        ),
        (
            "(Europe/Amsterdam|20210427T000000|20210428T000000 / UTC|20211227T000000|20211228T000000)",
            "20211227T120000", true
        ),
        (
            "!(Europe/Amsterdam|20210427T000000|20210428T000000 / UTC|20211227T000000|20211228T000000)",
            "20210427T120000", false
        ),
    ]

    @Test(arguments: cases)
    func contains(schedule: String, instant: String, expected: Bool) throws {
        let parsed = try #require(TimeSchedule(schedule))
        #expect(parsed.contains(utc(instant)) == expected)
    }

    @Test(arguments: [
        "", "nonsense", "20241301T000000", "20240101T000000||x", "20240101T000000|||hourly",
        "20240101T000000||P1D|weekly|||XX", "20240101T000000 & ", "(20240101T000000", "20240101T000000)",
        "Mars/Olympus|20240101T000000", "20240102|20240101", String(repeating: "!", count: 100) + "20240101",
    ])
    func refused(schedule: String) {
        #expect(TimeSchedule(schedule) == nil)
    }

    @Test func civilDatesRoundTrip() {
        for day in stride(from: -800_000, through: 800_000, by: 997) {
            let date = CivilTime.date(day)
            #expect(CivilTime.day(year: date.year, month: date.month, mday: date.mday) == day)
        }
        #expect(CivilTime.weekday(0) == 4)
        #expect(CivilTime.weekday(-1) == 3)
        #expect(CivilTime.week(CivilTime.day(year: 2021, month: 1, mday: 3)) == 53)
    }
}
