import Profiling
import Testing

@testable import ProfileAnalysis

/// From records to trees.
@Suite struct AssemblerTests {
    /// A record at a time in microseconds.
    static func record(
        _ verb: Verb, _ name: String, _ time: Int64, _ session: UInt64, _ producer: Producer,
        _ line: Int?, _ status: Int?, _ parent: UInt64?, _ type: Int
    ) -> TraceRecord {
        TraceRecord(
            nanoseconds: time * 1000, session: session, verb: verb, producer: producer, name: name,
            file: line == nil ? nil : "f", line: line, type: type, status: status, parent: parent)
    }

    private func assemble(_ records: [TraceRecord]) -> [Session] {
        var assembler = SessionAssembler()
        return records.flatMap { assembler.add($0) } + assembler.finish()
    }

    @Test(arguments: Capture.allCases)
    func aCaptureOfThePeerIsWhole(capture: Capture) throws {
        let records = try capture.records()
        #expect(try records.count == capture.lines().count)
        var assembler = SessionAssembler()
        let sessions = records.flatMap { assembler.add($0) }
        // The timers were recorded until two of them were open.
        let open = assembler.open.count
        #expect(open == (capture == .timers ? 2 : 0))
        #expect(assembler.orphaned == 0)
        #expect(sessions.allSatisfy { !$0.isTruncated })
        // Sessions that lie in another are the branch routes, begun while their request's was open.
        var inner = 0
        func count(_ steps: [Step]) {
            for step in steps {
                switch step {
                case .job(let job): count(job.steps)
                case .session(let session):
                    inner += 1
                    count(session.steps)
                }
            }
        }
        for session in sessions { count(session.steps) }
        #expect(sessions.count + inner + open == records.count { $0.verb == .start })
    }

    @Test func thePeersCallHasItsShape() throws {
        let outlines = try assemble(Capture.call1.records()).map(outline)
        #expect(
            outlines.prefix(2) == [
                "<root>[request](<root>(sanity(nested) relay(per_branch[branch](per_branch(nested)))))",
                "SIP receiver udp:127.0.0.1:5060[UDP](udp proto reading(receive_msg(request_pre_script"
                    + "(B2BE_request_prescript) request_script)))",
            ])
        #expect(outlines.contains("on_reply[onreply](on_reply(nested))"))
        let timers = try assemble(Capture.timers.records()).map(outline)
        #expect(timers.contains("Timer handler[timer](timer_job(tm-utimer))"))
    }

    @Test func siprayScriptSessionsLieWhereTheyRan() {
        let make = AssemblerTests.record
        let sessions = assemble([
            make(.start, "worker", 0, 513, .process, nil, nil, nil, 1),
            make(.enter, "reading", 1, 513, .process, 317, nil, nil, 1),
            make(.start, "<root>", 2, 1025, .script, nil, nil, 513, 1),
            make(.enter, "<root>", 3, 1025, .script, 35, nil, nil, 1),
            make(.exit, "<root>", 4, 1025, .script, 35, 1, nil, 1),
            make(.end, "<root>", 5, 1025, .script, nil, 1, nil, 1),
            make(.exit, "reading done", 6, 513, .process, 324, 0, nil, 1),
            make(.end, "worker", 7, 513, .process, nil, 0, nil, 1),
        ])
        #expect(sessions.map(outline) == ["worker[UDP](reading(<root>[request](<root>)))"])
    }

    @Test func anotherStartOfAProcessCutsTheSessionBefore() {
        let make = AssemblerTests.record
        let sessions = assemble([
            make(.start, "a", 0, 1, .process, nil, nil, nil, 1), make(.enter, "job", 1, 1, .process, 1, nil, nil, 1),
            make(.start, "a", 9, 1, .process, nil, nil, nil, 1), make(.end, "a", 10, 1, .process, nil, nil, nil, 1),
        ])
        #expect(sessions.map(outline) == ["a[UDP]!(job!)", "a[UDP]"])
        #expect(sessions[0].durationNanoseconds == 1000)
    }

    @Test func whatComesBeforeItsStartIsCountedOnly() {
        let make = AssemblerTests.record
        var assembler = SessionAssembler()
        #expect(assembler.add(make(.enter, "x", 0, 1, .process, nil, nil, nil, 1)).isEmpty)
        #expect(assembler.add(make(.exit, "x", 0, 1, .process, nil, nil, nil, 1)).isEmpty)
        #expect(assembler.add(make(.end, "x", 0, 1, .process, nil, nil, nil, 1)).isEmpty)
        #expect(assembler.orphaned == 3)
        #expect(assembler.finish().isEmpty)
    }

    @Test func everythingIsBounded() throws {
        let make = AssemblerTests.record
        var assembler = SessionAssembler(openMax: 10)
        var finished: [Session] = []
        for id in 1...25 {
            finished += assembler.add(make(.start, "s", Int64(id), UInt64(id), .process, nil, nil, nil, 1))
        }
        #expect(assembler.open.count == 10)
        #expect(finished.count == 15)
        #expect(finished.first?.id == 1)
        #expect(finished.allSatisfy { $0.isTruncated })
        // As deep as nobody draws: left out together with their exits.
        var deep = SessionAssembler()
        _ = deep.add(make(.start, "s", 0, 1, .process, nil, nil, nil, 1))
        for _ in 0..<1000 { _ = deep.add(make(.enter, "e", 1, 1, .process, nil, nil, nil, 1)) }
        for _ in 0..<1000 { _ = deep.add(make(.exit, "e", 2, 1, .process, nil, 0, nil, 1)) }
        let session = try #require(deep.add(make(.end, "s", 3, 1, .process, nil, 0, nil, 1)).first)
        #expect(session.isTruncated)
        #expect(outline(session).count { $0 == "(" } == OpenSession.depthMax)
        // Script starts of one number without end.
        var nested = SessionAssembler()
        for _ in 0..<1000 { _ = nested.add(make(.start, "r", 1, 7, .script, nil, nil, nil, 1)) }
        #expect(nested.open.count <= 16)
    }

    static let notEvents = [
        "", "{", "[]", "{}", #"{"method":"E_PROFILING_PROC"}"#,
        #"{"method":"E_OTHER","params":{"sec":1,"usec":1,"session":1,"verb":"start","name":"x"}}"#,
        #"{"method":"E_PROFILING_PROC","params":{"sec":1,"usec":1,"session":1,"verb":"jump","name":"x"}}"#,
        #"{"method":"E_PROFILING_PROC","params":{"sec":1,"usec":1,"session":-1,"verb":"start","name":"x"}}"#,
        #"{"method":"E_PROFILING_PROC","params":{"sec":99999999999,"usec":1,"session":1,"verb":"start","name":"x"}}"#,
        #"{"method":"E_PROFILING_PROC","params":{"sec":1,"usec":1000000,"session":1,"verb":"start","name":"x"}}"#,
        #"{"method":"E_PROFILING_PROC","params":{"sec":1,"usec":1,"session":1,"verb":"start","name":7}}"#,
    ]

    @Test(arguments: notEvents)
    func whatIsNoEventIsRefused(text: String) {
        #expect(TraceRecord(event: Array(text.utf8)) == nil)
    }

    @Test func siprayFieldsAreRead() throws {
        let text =
            #"{"jsonrpc":"2.0","method":"E_PROFILING_SCRIPT","params":{"sec":5,"usec":7,"session":9007199254740991,"#
            + #""verb":"end","name":"<root>","type":1,"depth":1,"status":-1,"parent":513,"link":1025,"truncated":1}}"#
        let record = try #require(TraceRecord(event: Array(text.utf8)))
        #expect(
            record
                == TraceRecord(
                    nanoseconds: 5_000_007_000, session: 9_007_199_254_740_991, verb: .end, producer: .script,
                    name: "<root>", type: 1, depth: 1, status: -1, parent: 513, link: 1025, isTruncated: true))
    }
}
