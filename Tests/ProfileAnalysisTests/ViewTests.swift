import JSONRPC
import Profiling
import Testing

@testable import ProfileAnalysis

/// What a person gets to see.
@Suite struct ViewTests {
    private func view(_ capture: Capture, _ options: LiveView.Options = .init()) throws -> (LiveView, [String]) {
        var view = LiveView(options)
        var lines = try capture.lines().flatMap { view.receive($0) }
        lines += view.finish()
        return (view, lines)
    }

    @Test func aCaptureIsDrawnAsTheSeedDraws() throws {
        let (view, lines) = try view(.options)
        #expect(view.unreadable == 0)
        #expect(view.orphaned == 0)
        #expect(
            lines.prefix(3) == [
                "03:04:04.380335 Start <root>  [request] session 34", "     0.058 ⎡<root>  cfg/capture.cfg:35",
                "     0.129 ⎸ ⎡sanity  cfg/capture.cfg:35",
            ])
        let process = try #require(lines.firstIndex { $0.contains("Start SIP receiver udp:127.0.0.1:5060") })
        let shapes = lines[process...].map { line in
            // Without the column of times and the durations.
            String(line.drop { $0 == " " }.drop { $0 != " " }.dropFirst()).split(separator: "  ").first.map(String.init)
        }
        #expect(
            shapes.dropFirst() == [
                "⎡udp proto reading", "⎸ ⎡receive_msg", "⎸ ⎸ ⎡request_pre_script", "⎸ ⎸ ⎸ ⎡B2BE_request_prescript",
                "⎸ ⎸ ⎸ ⎣B2BE_request_prescript", "⎸ ⎸ ⎣request_pre_script", "⎸ ⎸ ⎡request_script",
                "⎸ ⎸ ⎣request_script", "⎸ ⎣receive_msg", "⎣reading done", "End SIP receiver udp:127.0.0.1:5060", nil,
            ])
    }

    @Test func whatAProcessDidForAScriptStandsInTheRoute() {
        let make = AssemblerTests.record
        var view = LiveView(.init())
        _ = view.receive(make(.start, "worker", 0, 1, .process, nil, nil, nil, 1))
        _ = view.receive(make(.enter, "request_script", 1, 1, .process, 9, nil, nil, 1))
        _ = view.receive(make(.start, "<root>", 2, 2, .script, nil, nil, 1, 1))
        _ = view.receive(make(.enter, "<root>", 3, 2, .script, 10, nil, nil, 1))
        _ = view.receive(make(.enter, "call", 4, 2, .script, 11, nil, nil, 1))
        _ = view.receive(make(.enter, "create_dialog", 5, 1, .process, 7, nil, nil, 1))
        _ = view.receive(make(.exit, "create_dialog", 6, 1, .process, 7, 1, nil, 1))
        _ = view.receive(make(.enter, "t_relay", 7, 2, .script, 12, nil, nil, 1))
        _ = view.receive(make(.exit, "t_relay", 8, 2, .script, 12, 1, nil, 1))
        _ = view.receive(make(.exit, "call", 9, 2, .script, 11, 1, nil, 1))
        _ = view.receive(make(.exit, "<root>", 9, 2, .script, 10, 1, nil, 1))
        _ = view.receive(make(.end, "<root>", 9, 2, .script, nil, 1, nil, 1))
        _ = view.receive(make(.enter, "after", 10, 1, .process, 8, nil, nil, 1))
        _ = view.receive(make(.exit, "after", 11, 1, .process, 8, nil, nil, 1))
        _ = view.receive(make(.exit, "request_script", 12, 1, .process, 9, 1, nil, 1))
        let lines = view.receive(make(.end, "worker", 13, 1, .process, nil, nil, nil, 1))
        #expect(
            lines.compactMap { $0.split(separator: "⎡").dropFirst().first }.map { $0.prefix { $0 != " " } } == [
                "request_script", "<root>", "call", "create_dialog", "t_relay", "after",
            ])
        #expect(lines.contains { $0.hasSuffix("⎸ ⎸ ⎸ ⎡create_dialog  f:7") })
    }

    @Test(arguments: Capture.allCases)
    func everyCaptureReplaysAsLinesAndAsJSON(capture: Capture) throws {
        let (plain, lines) = try view(capture)
        #expect(plain.records == (try capture.lines().count))
        #expect(lines.count { $0.contains("⎡") } == lines.count { $0.contains("⎣") })
        #expect(!lines.isEmpty)
        #expect(!lines.contains { $0.contains("\u{1B}") })
        let (_, objects) = try view(capture, LiveView.Options(isJSON: true))
        for object in objects {
            let value = try JSONParser.parse(object)
            #expect(value["name"]?.stringValue != nil)
            #expect(value["steps"]?.arrayValue != nil)
        }
        #expect(objects.count == lines.count { $0.isEmpty })
        let (_, coloured) = try view(capture, LiveView.Options(isColoured: true))
        #expect(coloured.contains { $0.contains("\u{1B}[") })
        #expect(coloured.count == lines.count)
    }

    @Test func filtersBySlownessAndByProcess() throws {
        let (all, slow) = try view(.call1, LiveView.Options(durationNanosecondsMin: 3_600_000_000_000))
        #expect(slow.isEmpty)
        #expect(all.summary.sessions > 0)
        let (_, workers) = try view(.timers, LiveView.Options(processes: ["Timer handler"]))
        #expect(workers.contains { $0.contains("Start Timer handler") })
        #expect(!workers.contains { $0.contains("SIP receiver") })
    }

    @Test func aSessionThatStaysOpenIsToldOfOnce() {
        let make = AssemblerTests.record
        var view = LiveView(.init())
        _ = view.receive(make(.start, "worker", 0, 1, .process, nil, nil, nil, 1))
        _ = view.receive(make(.enter, "dns", 5, 1, .process, 70, nil, nil, 1))
        #expect(view.overdue(idleNanoseconds: 900_000_000).isEmpty)
        #expect(view.overdue(idleNanoseconds: 2_500_000_000) == ["Still open after 2.50 s: worker, in dns  f:70"])
        #expect(view.overdue(idleNanoseconds: 3_500_000_000).isEmpty)
    }

    @Test func aServerCannotMoveTheTerminal() {
        let make = AssemblerTests.record
        var view = LiveView(.init())
        _ = view.receive(make(.start, "\u{1B}[2Jx\n", 0, 1, .process, nil, nil, nil, 1))
        let lines = view.receive(make(.end, "x", 5, 1, .process, nil, nil, nil, 1))
        #expect(lines.count == 3)
        #expect(!lines.joined().contains("\u{1B}"))
        #expect(!lines.joined().contains("\n"))
    }

    @Test func theSummaryCountsAndRanks() throws {
        var summary = Summary()
        for index in 1...100 {
            let begin = Int64(index) * 1_000_000_000
            let job = Job(
                name: "t_relay", exitName: "t_relay", file: "sipray.cfg", line: 70, beginNanoseconds: begin,
                endNanoseconds: begin + Int64(index) * 1_000_000, isTruncated: false, steps: [])
            summary.add(
                Session(
                    id: UInt64(index), producer: .script, name: "<root>", type: 1, beginNanoseconds: begin,
                    endNanoseconds: begin + Int64(index) * 1_100_000, isTruncated: index == 100, steps: [.job(job)]))
        }
        let job = try #require(summary.rows.first { $0.kind == "job" })
        #expect(job.durations.count == 100)
        #expect(job.place == "sipray.cfg:70")
        #expect(job.durations.mean == 50_500_000)
        #expect((48_500_000...51_600_000).contains(job.durations.quantile(0.5)))
        #expect((97_000_000...100_000_000).contains(job.durations.quantile(0.99)))
        #expect(job.durations.greatest == 100_000_000)
        #expect(job.slowestSession == 100)
        let lines = SummaryTable(style: TextStyle(isColoured: false)).lines(summary)
        #expect(lines.first?.hasPrefix("what") == true)
        #expect(lines.contains { $0.contains("<root> [request]") && $0.contains("99+1") })
        #expect(lines.contains { $0.contains("t_relay") && $0.contains("sipray.cfg:70") && $0.contains("100 ms") })
        #expect(SummaryTable(style: TextStyle(isColoured: false)).lines(Summary()) == ["No sessions."])
    }

    @Test func histogramsAreExactAtTheEndsAndCloseBetween() {
        var histogram = Histogram()
        for value in [0, 1, 31, 32, 33, 1000, 123_456, 7_000_000_000, Int64.max / 4] { histogram.add(value) }
        histogram.add(-5)
        #expect(histogram.count == 10)
        #expect(histogram.least == 0)
        #expect(histogram.greatest == Int64.max / 4)
        for value: Int64 in [1, 31, 32, 33, 999, 123_456, 7_000_000_000] {
            var one = Histogram()
            one.add(value)
            one.add(value)
            one.add(Int64.max / 8)
            let median = one.quantile(0.5)
            #expect(median >= value && median <= value + value / 32)
        }
    }

    static let durations: [(Int64, String)] = [
        (0, "0 ns"), (740, "740 ns"), (1000, "1.00 µs"), (12_345, "12.3 µs"), (999_999, "999 µs"),
        (4_712_000, "4.71 ms"), (1_240_000_000, "1.24 s"), (-3, "0 ns"),
    ]

    @Test(arguments: durations)
    func durationsReadWell(nanoseconds: Int64, text: String) {
        #expect(TextStyle.duration(nanoseconds) == text)
    }

    static let texts: [(String, Int64?)] = [
        ("10ms", 10_000_000), ("1.5s", 1_500_000_000), ("250us", 250_000), ("3µs", 3000), ("800ns", 800),
        ("5", 5_000_000), ("0", 0), ("", nil), ("ms", nil), ("-1s", nil), ("nan", nil), ("1e99s", nil), ("5 m", nil),
    ]

    @Test(arguments: texts)
    func durationsAreRead(text: String, nanoseconds: Int64?) {
        #expect(DurationText.nanoseconds(text) == nanoseconds)
    }
}
