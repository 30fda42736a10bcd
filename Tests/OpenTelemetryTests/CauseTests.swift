import Profiling
import SIPMessage
import Testing

@testable import OpenTelemetry

/// Links to what caused something: in the right trace, in whatever order records come.
@Suite struct CauseTests {
    private typealias Span = OpenTelemetry.Span
    private let identity = RecordBench.identity

    /// A request's session (20, in the pass 10 of process 1) that submits a job, which process 2 does in its pass 40.
    private func asking() -> RecordBench {
        var bench = RecordBench()
        bench.start(10, "SIP receiver", script: nil)
        bench.enter(10, "receive_msg")
        bench.start(20, parent: 10)
        bench.end(20, annotations: [RecordBench.note(RecordBench.invite(), origin: 20)])
        bench.exit(10, "receive_msg")
        bench.end(10)
        return bench
    }

    private func job(cause: UInt64) -> RecordBench {
        var bench = RecordBench()
        bench.start(40, "Timer handler", script: nil, process: 2, link: cause, isCause: true)
        bench.enter(40, "ipc_job")
        bench.exit(40, "ipc_job")
        bench.end(40)
        return bench
    }

    static let orders = ["cause first", "cause last", "inside", "in the next round"]

    /// `trace_per_call` puts the cause where its own number does not tell.
    @Test(arguments: orders, [10, 20] as [UInt64]) func aJobLinksToItsCause(order: String, cause: UInt64) throws {
        var assembler = SpanAssembler(RecordBench.description { $0.tracesCalls = true })
        let (first, second) = (asking().records, job(cause: cause).records)
        var spans: [Span] = []
        switch order {
        case "cause first": spans = assembler.take(first + second)
        case "cause last": spans = assembler.take(second + first)
        case "inside": spans = assembler.take(Array(first[..<3]) + second + Array(first[3...]))
        default:
            #expect(assembler.take(second).isEmpty && assembler.isWaiting)
            spans = assembler.take(first)
        }
        #expect(!assembler.isWaiting && assembler.openCount == 0)
        let call = TraceIdentity.traceID(callID: Array("abc@192.0.2.1".utf8))
        let root = try #require(spans.first { $0.name == "Timer handler" })
        #expect(spans.count == 5)
        #expect(root.parentSpanID == .none && root.traceID == identity.traceID(origin: 40))
        #expect(root.links == [SpanLink(traceID: call, spanID: identity.spanID(session: cause))])
    }

    @Test func aCauseThatNeverComesIsWaitedForOnce() throws {
        var assembler = SpanAssembler(RecordBench.description())
        #expect(assembler.take(job(cause: 20).records).isEmpty)
        #expect(assembler.isWaiting)
        let spans = assembler.take([])
        #expect(spans.count == 2 && !assembler.isWaiting)
        #expect(
            spans[0].links == [SpanLink(traceID: identity.traceID(origin: 20), spanID: identity.spanID(session: 20))])
        // The same at the end, when there is no other round.
        #expect(assembler.take(job(cause: 21).records).isEmpty)
        #expect(assembler.finish().count == 2 && !assembler.isWaiting)
    }

    @Test func notMoreWaitThanMay() {
        var assembler = SpanAssembler(RecordBench.description())
        var cause = RecordBench()
        cause.start(7)
        #expect(assembler.take(cause.records).isEmpty)
        var bench = RecordBench()
        for number in 0..<UInt64(SpanAssembler.heldMax + 3) {
            bench.start(100 + number, "Timer handler", script: nil, process: 2, link: 7, isCause: true)
            bench.end(100 + number)
        }
        #expect(assembler.take(bench.records).count == 3)
        var end = RecordBench()
        end.end(7)
        #expect(assembler.take(end.records).count == SpanAssembler.heldMax + 1)
        // All of it is free again.
        #expect(assembler.take(job(cause: 8).records).isEmpty && assembler.isWaiting)
    }

    /// What a job goes on with is its parent, not linked to once more.
    @Test func aParentIsNoLink() throws {
        var bench = asking()
        bench.start(40, "SIP receiver", script: nil, process: 2, link: 20, isCause: true)
        bench.enter(40, "resume")
        bench.start(41, "resumed", process: 2, parent: 40, link: 20)
        bench.end(41, annotations: [RecordBench.note(RecordBench.invite(), origin: 20)])
        bench.exit(40, "resume")
        bench.end(40)
        var assembler = SpanAssembler(RecordBench.description())
        let spans = assembler.take(bench.records)
        #expect(Set(spans.map(\.traceID)) == [identity.traceID(origin: 20)])
        let root = try #require(spans.first { $0.spanID == identity.spanID(session: 40) })
        #expect(root.parentSpanID == identity.spanID(session: 20) && root.links.isEmpty)
    }

    private static let incoming = "4bf92f3577b34da6a3ce929d0e0e4736"

    /// A request of the server's own, sent later (after DNS), bears the span that made it: parent, not remote, no link.
    @Test func aRequestOfOurOwnHangsOnWhatMadeIt() throws {
        let maker = identity.spanID(session: 20)
        var bench = RecordBench()
        bench.start(20)
        bench.end(
            20,
            annotations: [
                RecordBench.note(
                    RecordBench.invite(), origin: 20, traceParent: "00-\(Self.incoming)-00f067aa0ba902b7-01")
            ])
        bench.start(50, "out", script: 32, link: 20, isCause: true)
        let header = "00-\(Self.incoming)-\(maker.hexadecimal)-01"
        bench.end(
            50, annotations: [RecordBench.note(RecordBench.invite(callID: "own"), origin: 50, traceParent: header)])
        var assembler = SpanAssembler(RecordBench.description { $0.propagates = true })
        let spans = assembler.take(bench.records)
        #expect(spans.map(\.traceID.hexadecimal) == [Self.incoming, Self.incoming])
        #expect(spans[1].parentSpanID == maker && spans[1].links.isEmpty && spans[1].flags == [.sampled])
        // With a trace for each call it has its own, and a link that says what it was made for.
        var calls = SpanAssembler(
            RecordBench.description {
                $0.propagates = true
                $0.tracesCalls = true
            })
        let apart = calls.take(bench.records)
        #expect(apart[1].traceID == TraceIdentity.traceID(callID: Array("own".utf8)) && apart[1].parentSpanID == .none)
        #expect(apart[1].links == [SpanLink(traceID: apart[0].traceID, spanID: maker)])
    }

    /// A timer's pass (10) sends a request through `local_route` (20): the pass is no parent of itself, nor linked to itself.
    @Test(arguments: [true, false]) func aPassThatMakesARequestIsNotItsOwnParent(propagates: Bool) throws {
        let pass = identity.spanID(session: 10)
        var bench = RecordBench()
        bench.start(10, "Timer handler", script: nil)
        bench.enter(10, "dialog-due")
        bench.start(20, "out", script: 32, parent: 10, link: 10, isCause: true)
        let header = "00-\(identity.traceID(origin: 10).hexadecimal)-\(pass.hexadecimal)-01"
        bench.end(20, annotations: [RecordBench.note(RecordBench.invite(), origin: 20, traceParent: header)])
        bench.exit(10, "dialog-due")
        bench.end(10)
        var assembler = SpanAssembler(RecordBench.description { $0.propagates = propagates })
        let spans = assembler.take(bench.records)
        #expect(Set(spans.map(\.traceID)) == [identity.traceID(origin: propagates ? 10 : 20)])
        #expect(spans[0].parentSpanID == .none && spans[0].links.isEmpty && spans[0].flags == [.sampled])
        #expect(spans[2].kind == .client && spans[2].parentSpanID == spans[1].spanID)
    }

    /// A timer's pass goes on with another transaction's work (a failure route, 20) and then makes a request that names the pass: that is in
    /// the trace that the request is told of, and the other's work in its own, with a link to where it ran.
    @Test(arguments: [true, false]) func aPassThatIsNamedByARequestIsInItsTrace(isNamed: Bool) throws {
        var bench = RecordBench()
        bench.start(10, "Timer handler", script: nil)
        bench.enter(10, "tm-timer")
        bench.start(20, "on_fail", script: 2, parent: 10, link: 5)
        bench.end(20, annotations: [RecordBench.note(RecordBench.invite(), origin: 5)])
        bench.exit(10, "tm-timer")
        bench.enter(10, "dialog-due")
        var cause = RecordBench.note(origin: 10)
        cause.key = MessageNote.causeKey
        bench.exit(10, "dialog-due", annotations: isNamed ? [cause] : [])
        bench.end(10)
        var assembler = SpanAssembler(RecordBench.description())
        let spans = assembler.take(bench.records)
        let other = identity.traceID(origin: 5)
        let failure = try #require(spans.first { $0.name == "INVITE failure" })
        let place = identity.spanID(session: 10, job: 1)
        #expect(failure.traceID == other)
        #expect(failure.parentSpanID == (isNamed ? identity.spanID(session: 5) : place))
        #expect(failure.links == (isNamed ? [SpanLink(traceID: identity.traceID(origin: 10), spanID: place)] : []))
        let pass = spans.filter { $0.spanID != failure.spanID }
        #expect(Set(pass.map(\.traceID)) == [isNamed ? identity.traceID(origin: 10) : other])
        #expect(pass[0].parentSpanID == (isNamed ? .none : identity.spanID(session: 5)) && pass[0].links.isEmpty)
    }

    /// What goes on with a session that is no span, since it was recorded for somebody else, hangs on the one that began the work; where that
    /// is none either it begins a trace.
    @Test(arguments: [true, false]) func whatGoesOnWithNoSpanHangsOnTheOrigin(hasOrigin: Bool) throws {
        var bench = RecordBench()
        bench.start(20, "resumed", link: 7, isLinkAnnotated: false)
        bench.end(20, annotations: [RecordBench.note(RecordBench.invite(), origin: hasOrigin ? 5 : 20)])
        var assembler = SpanAssembler(RecordBench.description())
        let span = try #require(assembler.take(bench.records).first)
        #expect(span.traceID == identity.traceID(origin: hasOrigin ? 5 : 20))
        #expect(span.parentSpanID == (hasOrigin ? identity.spanID(session: 5) : .none) && span.links.isEmpty)
    }

    /// Inside the session that made it, a request with another Call-ID is in that call's trace all the same; its reply too,
    /// with a link in the place of a parent that is in another trace.
    @Test func anotherCallsRequestIsNotInThisCallsTrace() throws {
        var bench = RecordBench()
        bench.start(20)
        bench.enter(20, "t_new_request")
        bench.start(50, "out", script: 32, parent: 20, link: 20, isCause: true)
        bench.end(50, annotations: [RecordBench.note(RecordBench.invite(callID: "own"), origin: 20)])
        bench.exit(20, "t_new_request")
        bench.end(20, annotations: [RecordBench.note(RecordBench.invite(), origin: 20)])
        bench.start(60, "answer", script: 4, link: 20)
        bench.end(
            60,
            annotations: [
                RecordBench.note(
                    RecordBench.reply(200).replacing("abc@192.0.2.1", with: "own"), origin: 20)
            ])
        let own = TraceIdentity.traceID(callID: Array("own".utf8))
        var assembler = SpanAssembler(RecordBench.description { $0.tracesCalls = true })
        let spans = assembler.take(bench.records)
        let local = try #require(spans.first { $0.kind == .client })
        #expect(local.traceID == own && local.parentSpanID == .none)
        #expect(local.links.map(\.spanID) == [identity.spanID(session: 20, job: 1), identity.spanID(session: 20)])
        #expect(Set(local.links.map(\.traceID)) == [spans[0].traceID])
        let reply = try #require(spans.last)
        #expect(reply.traceID == own && reply.parentSpanID == .none)
        #expect(reply.links.map(\.spanID) == [identity.spanID(session: 20)])
        // Without it, all of it is one piece of work.
        var plain = SpanAssembler(RecordBench.description())
        #expect(Set(plain.take(bench.records).map(\.traceID)).count == 1)
    }
}
