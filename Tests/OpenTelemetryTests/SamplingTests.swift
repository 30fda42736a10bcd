import Profiling
import Testing

@testable import OpenTelemetry

@Suite struct SamplingTests {
    static let names: [(String, String?, Sampler)] = [
        ("always_on", nil, .alwaysOn), ("always_off", nil, .alwaysOff), ("traceidratio", "0.25", .ratio(0.25)),
        ("traceidratio", nil, .ratio(1)), ("parentbased_always_on", nil, .parentBased(.alwaysOn)),
        ("parentbased_always_off", "7", .parentBased(.alwaysOff)),
        ("parentbased_traceidratio", "0", .parentBased(.ratio(0))),
    ]

    @Test(arguments: names) func samplersOfTheSpecification(name: String, argument: String?, sampler: Sampler) {
        var problems: [String] = []
        #expect(Sampler.parse(name, argument: argument, problems: &problems) == sampler)
        #expect(problems.isEmpty)
    }

    @Test(arguments: [
        ("xray", nil, "xray"), ("traceidratio", "2", "OTEL_TRACES_SAMPLER_ARG"), ("traceidratio", "x", "1.0"),
    ])
    func whatIsNotUnderstoodIsNamed(name: String, argument: String?, word: String) {
        var problems: [String] = []
        _ = Sampler.parse(name, argument: argument, problems: &problems)
        #expect(problems.count == 1 && problems[0].contains(word))
    }

    @Test func decisions() {
        let traces = (1...10_000).map { RecordBench.identity.traceID(origin: UInt64($0)) }
        let kept = traces.count { Sampler.ratio(0.25).keeps($0, isParentSampled: nil) }
        #expect((2300...2700).contains(kept))
        // A larger share keeps everything that a smaller one keeps.
        for trace in traces where Sampler.ratio(0.1).keeps(trace, isParentSampled: nil) {
            #expect(Sampler.ratio(0.2).keeps(trace, isParentSampled: nil))
        }
        #expect(Sampler.parentBased(.alwaysOff).keeps(traces[0], isParentSampled: true))
        #expect(!Sampler.parentBased(.alwaysOn).keeps(traces[0], isParentSampled: false))
        #expect(!Sampler.parentBased(.alwaysOff).keeps(traces[0], isParentSampled: nil))
        #expect(!Sampler.alwaysOff.keeps(traces[0], isParentSampled: true))
        #expect(Sampler.alwaysOn.keeps(traces[0], isParentSampled: false))
        #expect(!Sampler.ratio(0).keeps(traces[0], isParentSampled: true))
    }

    private func trees(_ count: Int, _ change: (inout TraceDescription) -> Void) -> (Int, TracingFigures) {
        var assembler = SpanAssembler(RecordBench.description(change))
        var bench = RecordBench()
        for session in 1...UInt64(count) {
            bench.start(session * 10)
            bench.enter(session * 10, "relay")
            if session == 3 { bench.wait(microseconds: 500) }
            bench.exit(session * 10, "relay", status: session == 4 ? -1 : 1)
            let text = session == 5 ? RecordBench.invite().replacing("INVITE", with: "MESSAGE") : RecordBench.invite()
            bench.end(session * 10, annotations: [RecordBench.note(text, origin: session * 10)])
        }
        let kept = assembler.take(bench.records).count / 2
        return (kept, assembler.figures)
    }

    @Test func tailRules() {
        var figures = trees(12) { $0.tail.every = 5 }
        #expect(figures.0 == 2 && figures.1.treesNotKept == 10 && figures.1.treesKept == 2)
        figures = trees(12) { $0.tail.every = 0 }
        #expect(figures.0 == 0 && figures.1.treesNotKept == 12 && figures.1.spansMade == 0)
        figures = trees(12) {
            $0.tail.every = 0
            $0.tail.slowNanoseconds = 400_000
            $0.tail.keepsFailed = true
            $0.tail.methods = ["MESSAGE"]
        }
        #expect(figures.0 == 3 && figures.1.treesNotKept == 9)
        figures = trees(12) { $0.sampler = .alwaysOff }
        #expect(figures.0 == 0 && figures.1.treesNotSampled == 12 && figures.1.treesNotKept == 0)
    }

    /// What comes later of a trace goes the way of what came first.
    @Test func aTransactionIsKeptAsAWhole() {
        var assembler = SpanAssembler(RecordBench.description { $0.tail.every = 3 })
        var bench = RecordBench()
        for request in 1...UInt64(6) {
            bench.start(request * 10)
            bench.end(request * 10, annotations: [RecordBench.note(RecordBench.invite(), origin: request * 10)])
        }
        for request in 1...UInt64(6) {
            bench.start(request * 10 + 1, "r", script: 4, link: request * 10)
            bench.end(request * 10 + 1, annotations: [RecordBench.note(RecordBench.reply(180), origin: request * 10)])
        }
        let spans = assembler.take(bench.records)
        #expect(spans.map(\.name) == ["INVITE request", "INVITE request", "INVITE onreply", "INVITE onreply"])
        #expect(Set(spans.map(\.traceID)).count == 2)
    }

    /// Two requests are handled in one pass of a process: each goes the way of its own trace, and the pass with the first.
    @Test(arguments: [true, false], [true, false])
    func eachTraceOfATreeGoesItsOwnWay(isFirstSampled: Bool, isSecondSampled: Bool) {
        let flags = [isFirstSampled, isSecondSampled]
        let (spans, figures) = pass { number in
            let flag = flags[number] ? "01" : "00"
            return RecordBench.note(
                RecordBench.invite(callID: "\(number)"),
                traceParent: "00-\(Self.traces[number])-00f067aa0ba902b7-\(flag)")
        } change: {
            $0.propagates = true
        }
        check(spans, figures, flags, traces: Self.traces)
    }

    /// The same by the traces' ids alone, and by the rules that look at what happened.
    @Test func ratioAndRulesAreForEachTrace() {
        let sessions = (1...1000).map(UInt64.init)
        let trace = { RecordBench.identity.traceID(origin: $0) }
        let isKept = { Sampler.ratio(0.5).keeps(trace($0), isParentSampled: nil) }
        for (first, second) in [(true, false), (false, true), (false, false), (true, true)] {
            let two = [sessions.first { isKept($0) == first } ?? 0, sessions.last { isKept($0) == second } ?? 0]
            let (spans, figures) = pass(two) {
                RecordBench.note(RecordBench.invite(callID: "\($0)"))
            } change: {
                $0.sampler = .ratio(0.5)
            }
            check(spans, figures, [first, second], traces: two.map { trace($0).hexadecimal })
        }
        let (spans, figures) = pass { number in
            let text = RecordBench.invite(callID: "\(number)")
            return RecordBench.note(number == 0 ? text : text.replacing("INVITE", with: "MESSAGE"))
        } change: {
            $0.tail.every = 0
            $0.tail.methods = ["MESSAGE"]
        }
        #expect(spans.map(\.name) == ["MESSAGE request", "relay"] && spans[0].links.isEmpty)
        #expect(figures.treesKept == 1 && figures.treesNotKept == 1 && figures.treesNotSampled == 0)
    }

    private static let traces = [1, 2].map { TraceID(high: 7, low: $0).hexadecimal }

    /// A pass of a process with two script sessions in it, each with a route.
    private func pass(
        _ sessions: [UInt64] = [1, 2], note: (Int) -> Annotation, change: (inout TraceDescription) -> Void
    ) -> ([OpenTelemetry.Span], TracingFigures) {
        var assembler = SpanAssembler(RecordBench.description(change))
        var bench = RecordBench()
        bench.start(1001, "SIP receiver", script: nil)
        for (number, session) in sessions.enumerated() {
            bench.start(session, parent: 1001)
            bench.enter(session, "relay")
            bench.exit(session, "relay")
            bench.end(session, annotations: [note(number)])
        }
        bench.end(1001)
        return (assembler.take(bench.records), assembler.figures)
    }

    private func check(
        _ spans: [OpenTelemetry.Span], _ figures: TracingFigures, _ isKept: [Bool], traces: [String]
    ) {
        let names = ["SIP receiver", "INVITE request", "relay"]
        let expected = (isKept[0] ? names : []) + (isKept[1] ? Array(names[1...]) : [])
        #expect(spans.map(\.name) == expected)
        #expect(Set(spans.map(\.traceID.hexadecimal)) == Set(zip(traces, isKept).filter(\.1).map(\.0)))
        // No span hangs on one that is not sent, or links to it.
        let sent = Set(spans.map(\.spanID))
        for span in spans {
            #expect(span.parentSpanID == .none || span.flags.contains(.isRemote) || sent.contains(span.parentSpanID))
            #expect(span.links.allSatisfy { sent.contains($0.spanID) })
        }
        let count = isKept.count { $0 }
        #expect(figures.treesKept == UInt64(count) && figures.treesNotSampled == UInt64(2 - count))
    }

    @Test func aNegativeReplyIsAFailureAndAChallengeIsNot() {
        for (status, kept) in [(200, 0), (401, 0), (407, 0), (404, 1), (503, 1)] {
            var assembler = SpanAssembler(
                RecordBench.description {
                    $0.tail.every = 0
                    $0.tail.keepsFailed = true
                })
            var bench = RecordBench()
            bench.start(20, script: 4)
            bench.end(20, annotations: [RecordBench.note(RecordBench.reply(status), origin: 10)])
            #expect(assembler.take(bench.records).count == kept, "\(status)")
        }
    }
}
