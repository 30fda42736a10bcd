import Profiling
import SIPMessage
import Testing

@testable import OpenTelemetry

/// Session trees as spans.
@Suite struct SpanAssemblerTests {
    private typealias Span = OpenTelemetry.Span
    private let identity = RecordBench.identity

    private func spans(
        _ bench: RecordBench, _ change: (inout TraceDescription) -> Void = { _ in }
    ) -> [Span] {
        var assembler = SpanAssembler(RecordBench.description(change))
        let spans = assembler.take(bench.records)
        #expect(assembler.openCount == 0)
        return spans
    }

    @Test func aScriptSessionNestsWhereItRan() throws {
        var bench = RecordBench()
        bench.start(10, "SIP receiver udp:127.0.0.1:5060", script: nil)
        bench.enter(10, "receive_msg", file: "receive_msg", line: 120)
        bench.start(20, parent: 10)
        bench.enter(20, "<root>")
        bench.enter(20, "relay", line: 12)
        bench.enter(20, "t_relay", line: 30)
        bench.start(30, "per_branch", script: 8, parent: 20)
        bench.end(30, annotations: [RecordBench.note(RecordBench.invite(), origin: 20)])
        bench.exit(20, "t_relay", status: 1)
        bench.exit(20, "relay", status: -1)
        bench.exit(20, "<root>", status: 0)
        bench.end(20, annotations: [RecordBench.note(RecordBench.invite(), origin: 20)])
        bench.exit(10, "receive_msg", status: 0)
        bench.end(10, status: 0)
        let spans = spans(bench)
        #expect(
            spans.map(\.name) == [
                "SIP receiver udp:127.0.0.1:5060", "receive_msg", "INVITE request", "<root>", "relay", "t_relay",
                "INVITE branch",
            ])
        #expect(Set(spans.map(\.traceID)) == [identity.traceID(origin: 20)])
        #expect(Set(spans.map(\.spanID)).count == spans.count)
        // Each inside the one before it.
        #expect(spans[0].parentSpanID == .none)
        for (inner, outer) in zip(spans.dropFirst(), spans) {
            #expect(inner.parentSpanID == outer.spanID)
            #expect(inner.startNanoseconds > outer.startNanoseconds && inner.endNanoseconds < outer.endNanoseconds)
        }
        #expect(spans.map(\.kind) == [.internal, .internal, .server, .internal, .internal, .internal, .server])
        #expect(spans[2].startNanoseconds == UInt64(RecordBench.epoch + 3000))
        #expect(spans[0].text("sipray.process.description") == "SIP receiver 1")
        #expect(spans[0].value("thread.id") == 1001 && spans[0].text("thread.name") == "sip-1")
        #expect(spans[1].text("code.function.name") == "receive_msg" && spans[1].value("code.line.number") == 120)
        #expect(spans[4].text("code.file.path") == "a.cfg" && spans[4].value("code.line.number") == 12)
        #expect(spans[4].text("opensips.route.name") == "relay" && spans[4].value("opensips.route.is_root") == 0)
        #expect(spans[3].text("opensips.route.name") == nil)
        // Sessions and routes say on which thread; what is inside runs on the same.
        #expect(spans.map { $0.value("thread.id") != nil } == [true, false, true, true, true, false, true])
        #expect(spans[4].value("thread.id") == 1001 && spans[4].text("thread.name") == "sip-1")
        #expect(spans[4].status == .error("route relay returned -1") && spans[4].text("error.type") == "-1")
        #expect(spans[5].text("opensips.route.type") == nil && spans[5].value("sipray.status") == 1)
        #expect(spans.filter { $0.status != .unset }.count == 1)
    }

    @Test func aFunctionThatFailsIsNoError() throws {
        var bench = RecordBench()
        bench.start(20)
        bench.enter(20, "save")
        bench.exit(20, "save", status: -1)
        bench.end(20)
        let spans = spans(bench)
        #expect(spans[1].status == .unset && spans[1].value("sipray.status") == -1)
        #expect(spans[0].name == "SIP request")
    }

    @Test func aMessageSaysWhatItIs() throws {
        var bench = RecordBench()
        bench.start(20)
        bench.end(20, annotations: [RecordBench.note(RecordBench.invite(), origin: 20)])
        bench.start(21, "reply", script: 4, link: 20)
        bench.end(21, annotations: [RecordBench.note(RecordBench.reply(180), origin: 20)])
        let spans = spans(bench)
        let expected: [(String, AttributeValue)] = [
            ("network.protocol.name", "sip"), ("network.protocol.version", "2.0"), ("network.transport", "udp"),
            ("network.peer.address", "192.0.2.1"), ("network.peer.port", 5070),
            ("network.local.address", "127.0.0.1"), ("network.local.port", 5060), ("sip.message.type", "request"),
            ("sip.request.method", "INVITE"), ("sip.request.uri", "sip:+4915112345@example.org:5080"),
            ("url.full", "sip:+4915112345@example.org:5080"), ("url.scheme", "sip"),
            ("server.address", "example.org"), ("server.port", 5080), ("sip.call_id", "abc@192.0.2.1"),
            ("sip.cseq", "7 INVITE"), ("user_agent.original", "Phone/1.0"), ("opensips.route.type", "request"),
            ("opensips.route.is_root", 1), ("sipray.session.id", 20), ("sipray.status", 1),
        ]
        for (key, value) in expected { #expect(spans[0].value(key) == value, "\(key)") }
        #expect(spans[0].value("sip.response.status_code") == nil)
        #expect(spans[1].name == "INVITE onreply" && spans[1].text("opensips.route.name") == "reply")
        #expect(spans[1].value("sip.response.status_code") == 180)
        #expect(spans[1].text("sip.response.reason") == "Ringing" && spans[1].text("sip.request.uri") == nil)
        #expect(spans[1].text("sip.message.type") == "response" && spans[1].text("sip.request.method") == "INVITE")
    }

    /// The reply's process is read before the request's, as happens when both fall into one round.
    @Test func aReplyThatComesFirstIsStillInTheRequestsTrace() throws {
        var request = RecordBench()
        request.start(20, process: 1)
        request.end(20, annotations: [RecordBench.note(RecordBench.invite(), origin: 20)])
        var reply = RecordBench()
        reply.start(40, "SIP receiver", script: nil, process: 2)
        reply.enter(40, "TM_reply_received")
        reply.start(41, "answer", script: 4, process: 2, parent: 40, link: 20)
        reply.end(41, annotations: [RecordBench.note(RecordBench.reply(180), origin: 20)])
        reply.exit(40, "TM_reply_received")
        reply.end(40)
        var together = reply
        together.records += request.records
        let spans = spans(together)
        let message = try #require(spans.first { $0.name == "INVITE request" })
        #expect(Set(spans.map(\.traceID)).count == 1)
        #expect(spans[0].name == "SIP receiver" && spans[0].parentSpanID == message.spanID)
        #expect(spans[2].name == "INVITE onreply" && spans[2].parentSpanID == spans[1].spanID)
        #expect(spans.allSatisfy { $0.links.isEmpty })
    }

    @Test func aReplyThatNoRouteSeesGoesOnWithItsRequest() throws {
        var bench = RecordBench()
        bench.start(40, "SIP receiver", script: nil)
        bench.enter(40, "receive_msg")
        bench.exit(
            40, "receive_msg", annotations: [RecordBench.note(RecordBench.reply(200, "OK"), origin: 20, link: 25)])
        bench.end(40)
        let spans = spans(bench)
        #expect(Set(spans.map(\.traceID)) == [identity.traceID(origin: 20)])
        #expect(spans[0].parentSpanID == identity.spanID(session: 25))
        #expect(spans[1].value("sip.response.status_code") == 200)
    }

    @Test func aResumedScriptGoesOnWithTheOneBefore() {
        var bench = RecordBench()
        bench.start(20)
        bench.end(20, annotations: [RecordBench.note(RecordBench.invite(), origin: 20)])
        bench.start(21, link: 20)
        bench.end(21, annotations: [RecordBench.note(RecordBench.invite(), origin: 20)])
        bench.start(22, link: 21)
        bench.end(22, annotations: [RecordBench.note(RecordBench.invite(), origin: 20)])
        let spans = spans(bench)
        #expect(Set(spans.map(\.traceID)).count == 1)
        #expect(spans[1].parentSpanID == spans[0].spanID && spans[2].parentSpanID == spans[1].spanID)
    }

    @Test func whatIsCausedHasATraceOfItsOwnAndALink() throws {
        var bench = RecordBench()
        bench.start(20)
        bench.end(20, annotations: [RecordBench.note(RecordBench.invite(), origin: 20)])
        bench.start(50, "out", script: 32, link: 20, isCause: true)
        bench.end(50, annotations: [RecordBench.note(RecordBench.invite(callID: "own"), origin: 50)])
        let spans = spans(bench)
        #expect(spans[1].kind == .client && spans[1].name == "INVITE local")
        #expect(spans[1].traceID != spans[0].traceID && spans[1].parentSpanID == .none)
        #expect(spans[1].links.map(\.spanID) == [spans[0].spanID])
        #expect(spans[1].links.map(\.traceID) == [spans[0].traceID])
    }

    /// One pass of the timer runs the failure routes of two transactions.
    @Test func transactionsThatShareAPassKeepTheirTraces() throws {
        var bench = RecordBench()
        bench.start(60, "Timer handler", script: nil)
        bench.enter(60, "tm-timer")
        for (session, request) in [(61, 20), (62, 30)] as [(UInt64, UInt64)] {
            bench.start(session, "failed", script: 2, parent: 60, link: request)
            bench.end(session, annotations: [RecordBench.note(RecordBench.invite(), origin: request)])
        }
        bench.exit(60, "tm-timer")
        bench.end(60)
        let spans = spans(bench)
        let traces = spans.map(\.traceID)
        #expect(traces[0] == identity.traceID(origin: 20) && traces[2] == traces[0])
        #expect(traces[3] == identity.traceID(origin: 30))
        #expect(spans[2].parentSpanID == spans[1].spanID && spans[2].links.isEmpty)
        #expect(spans[3].parentSpanID == identity.spanID(session: 30))
        #expect(spans[3].links.map(\.spanID) == [spans[1].spanID])
    }

    @Test func whatWasCutSaysSo() {
        var bench = RecordBench()
        bench.start(20)
        bench.enter(20, "relay")
        bench.enter(20, "t_relay")
        bench.end(20, status: nil, isTruncated: true)
        var assembler = SpanAssembler(RecordBench.description())
        let spans = assembler.take(bench.records)
        #expect(spans[0].value("sipray.session.truncated") == true)
        #expect(spans.count == 3 && spans.allSatisfy { $0.endNanoseconds == spans[0].endNanoseconds })
        #expect(spans[2].value("sipray.status") == nil)
        #expect(assembler.figures.treesTruncated == 1)
    }

    @Test func recordsWithoutTheirStartAreIgnored() {
        var bench = RecordBench()
        bench.enter(20, "relay")
        bench.exit(20, "relay")
        bench.end(20)
        #expect(spans(bench).isEmpty)
    }

    @Test func logLinesBecomeEventsOfTheSpanTheyWereWrittenIn() {
        var bench = RecordBench()
        bench.start(20)
        bench.enter(20, "relay")
        bench.exit(20, "relay", annotations: [RecordBench.log(-1, "sip:bob@example.org is gone", at: 2500)])
        bench.end(20, annotations: [RecordBench.log(3, "fine", at: 3500)])
        let spans = spans(bench) { $0.redaction = .users }
        #expect(spans[1].events.map(\.nanoseconds) == [UInt64(RecordBench.epoch + 2500)])
        #expect(
            spans[1].events.first?.attributes == [
                Attribute("log.severity", "ERROR"), Attribute("log.message", "sip:***@example.org is gone"),
            ])
        #expect(spans[0].events.first?.attributes.first == Attribute("log.severity", "INFO"))
    }

    /// A line, a URI and a message of which something is missing: users are masked all the same.
    @Test func whatWasCutIsMaskedToo() throws {
        let line =
            String(repeating: "x", count: Probe.annotationBytesMax - 1 - " to sip:alice".utf8.count) + " to sip:alice"
        let uri =
            "sip:" + String(repeating: "a", count: 200) + ";" + String(repeating: "b", count: 600) + "@example.org"
        let raw = Annotation(key: MessageNote.rawKey, bytes: Array("ice@example.org>".utf8))
        for isCut in [true, false] {
            var bench = RecordBench()
            bench.start(20)
            bench.end(
                20, isTruncated: isCut,
                annotations: [
                    RecordBench.log(3, isCut ? line : String(line.dropFirst()), at: 1), raw,
                    RecordBench.note(RecordBench.invite(uri: uri), origin: 20),
                ])
            let span = try #require(spans(bench) { $0.redaction = .users }.first)
            guard case .string(let text)? = span.events.first?.attributes.last?.value else { continue }
            #expect(text.hasSuffix(isCut ? " to sip:***" : " to sip:alice"))
            #expect(span.text("sip.request.uri") == "sip:***" && span.text("url.full") == "sip:***")
            #expect((span.text("sip.raw") == nil) == isCut)
        }
    }

    @Test func aTreeThatIsTooLargeLosesStepsAndSaysSo() {
        var bench = RecordBench()
        bench.start(20)
        for _ in 0..<SessionTree.stepsMax {
            bench.enter(20, "relay")
            bench.exit(20, "relay")
        }
        bench.end(20)
        var assembler = SpanAssembler(RecordBench.description())
        let spans = assembler.take(bench.records)
        #expect(spans.count == SessionTree.stepsMax)
        #expect(spans[0].value("sipray.spans.dropped") == 1)
        #expect(assembler.figures.stepsDropped == 1)
    }

    /// What runs in a session that was left out is left out with it, and makes no tree, or trace, of its own.
    @Test func whatRunsInASessionThatWasLeftOutIsLeftOut() {
        var bench = RecordBench()
        bench.start(20, "pass", script: nil)
        for _ in 0..<SessionTree.stepsMax - 1 {
            bench.enter(20, "relay")
            bench.exit(20, "relay")
        }
        bench.start(21, "INVITE request", parent: 20)
        bench.enter(21, "<root>")
        bench.start(22, "INVITE branch", parent: 21)
        bench.enter(22, "per_branch")
        bench.exit(22, "per_branch")
        bench.end(22)
        bench.exit(21, "<root>")
        bench.end(21)
        bench.end(20)
        var assembler = SpanAssembler(RecordBench.description())
        let spans = assembler.take(bench.records)
        #expect(spans.count == SessionTree.stepsMax)
        #expect(spans[0].value("sipray.spans.dropped") == 4)
        #expect(assembler.figures.stepsDropped == 4)
        #expect(assembler.openCount == 0)
    }

    @Test func sessionsBeyondTheLimitAreCounted() {
        var assembler = SpanAssembler(RecordBench.description())
        var bench = RecordBench()
        for session in 0..<SpanAssembler.openMax + 3 { bench.start(UInt64(session + 1)) }
        #expect(assembler.take(bench.records).isEmpty)
        #expect(assembler.openCount == SpanAssembler.openMax && assembler.figures.sessionsRefused == 3)
    }
}
