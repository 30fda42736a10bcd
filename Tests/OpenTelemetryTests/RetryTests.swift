import Testing

@testable import OpenTelemetry

struct RetryTests {
    /// 2026-11-23 09:00:00 UTC.
    static let now = 1_795_424_400

    @Test(arguments: [
        ("0", 0), ("1", 1), ("17", 17), (" 5 ", 5), ("60", 60), ("61", 60), ("99999999999999999999999", 60),
        ("Mon, 23 Nov 2026 09:00:10 GMT", 10), ("Mon, 23 Nov 2026 08:00:00 GMT", 0),
        ("Monday, 23-Nov-26 09:00:10 GMT", 10), ("Mon Nov 23 09:00:10 2026", 10), ("Fri, 31 Dec 9999 23:59:59 GMT", 60),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
    ])
    func retryAfter(text: String, seconds: UInt64) throws {
        let delay = try #require(RetryDelay(header: text))
        #expect(delay.nanoseconds(wallNanoseconds: UInt64(Self.now) * 1_000_000_000) == seconds * 1_000_000_000)
    }

    @Test(arguments: [
        "", "-1", "+1", "1.5", "soon", "Mon, 23 Nov 2026", "Mon, 99 Nov 2026 09:00:00 GMT",
        "Mon, 23 Nov 2026 09:00:00 CET", "Mon, 23 Nov 2026 25:00:00 GMT", "Mon, 23 Nov 2026 09:00 GMT", "1 2",
        "\u{661}", "Sun Nov 6 08:49:37 -1994",
    ])
    func whatIsNoRetryAfterIsIgnored(text: String) {
        #expect(RetryDelay(header: text) == nil)
    }

    @Test(arguments: [
        ("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777), ("Thu, 29 Feb 2024 12:00:00 GMT", 1_709_208_000),
        ("Wed, 01 Jan 2025 00:00:00 GMT", 1_735_689_600), ("Mon, 23 Nov 2026 09:00:00 GMT", now),
    ])
    func dates(text: String, seconds: Int) {
        #expect(HTTPDate.seconds(text) == seconds)
    }

    /// A system clock that is an hour off, or is set by an hour in between, can't make a wait longer than the bound or shorter than none.
    @Test(arguments: [-86400, -3600, 0, 3600, 86400])
    func aStepOfTheSystemClockIsBounded(step: Int) throws {
        let delay = try #require(RetryDelay(header: "Mon, 23 Nov 2026 09:00:10 GMT"))
        let wait = delay.nanoseconds(wallNanoseconds: UInt64(Self.now + step) * 1_000_000_000)
        #expect(wait <= UInt64(ExportLimits.retryAfterSecondsMax) * 1_000_000_000)
    }

    @Test func backOffGrowsAndStops() {
        let policy = RetryPolicy()
        var waits: [UInt64?] = []
        for attempt in 1...7 {
            waits.append(policy.wait(attempt: attempt, wanted: nil, now: 0, deadline: .max) { _ in 1 })
        }
        #expect(waits == [1, 2, 4, 8, 15, 15, 15].map { $0 * 1_000_000_000 })
    }

    @Test func jitterStaysInItsRange() {
        let policy = RetryPolicy()
        for factor in [policy.jitter.lowerBound, policy.jitter.upperBound] {
            let wait = policy.wait(attempt: 1, wanted: nil, now: 0, deadline: .max) { range in
                #expect(range == policy.jitter)
                return factor
            }
            #expect(wait == UInt64(1_000_000_000 * factor))
        }
    }

    /// A collector can't hold up batches for much longer than they may take at all.
    @Test(arguments: [(1000, 2), (10_000, 20), (30_000, 60), (600_000, 60)] as [(Int, UInt64)])
    func theWaitThatACollectorCanAskForGoesByWhatABatchMayTake(milliseconds: Int, seconds: UInt64) {
        let policy = RetryPolicy(batchMilliseconds: milliseconds)
        let asked = UInt64(ExportLimits.retryAfterSecondsMax) * 1_000_000_000
        let wait = policy.wait(attempt: 1, wanted: asked, now: 0, deadline: 1) { _ in 1 }
        #expect(wait == seconds * 1_000_000_000)
        #expect(policy.wait(attempt: 1, wanted: 7, now: 0, deadline: 1) { _ in 1 } == 7)
    }

    @Test(
        arguments: [
            // Time over, time over after the wait, the collector's wish outlasts the batch, a wish of nothing.
            (nil, 10, 10, nil), (nil, 9_500_000_000, 10_000_000_000, nil),
            (60_000_000_000, 0, 1_000_000_000, 60_000_000_000),
            (0, 0, 10_000_000_000, 1_000_000_000), (5, 11, 10, nil),
        ] as [(UInt64?, UInt64, UInt64, UInt64?)])
    func deadlines(wanted: UInt64?, now: UInt64, deadline: UInt64, expected: UInt64?) {
        let wait = RetryPolicy().wait(attempt: 1, wanted: wanted, now: now, deadline: deadline) { _ in 1 }
        #expect(wait == expected)
    }
}
