import AllocationCounting
import Bytes
import Profiling
import SIPMessage
import Testing

@testable import RouteRuntime

/// What runs tell of themselves to who wants annotations, and what each session says that it goes on with.
@Suite struct NoteTests {
    private struct Bench {
        let profiler = Profiler()
        let consumer = Consumer(name: "test")
        let harness: ScriptHarness
        let pass = Site("pass", interest: .process)

        init(
            _ script: String, wants: Interest = [.script, .annotations],
            configure: (inout ScriptConfiguration) -> Void = { _ in }
        ) throws {
            profiler.attach(consumer, wants: wants)
            harness = try ScriptHarness(script, profiler: profiler, configure: configure)
        }

        func inPass<Result>(_ body: () throws -> Result) rethrows -> Result {
            harness.process.process.probe.begin(pass)
            defer { harness.process.process.probe.end() }
            return try body()
        }

        func records() -> [ProfilingRecord] {
            profiler.collect()
            return consumer.take()
        }
    }

    private func fields(_ record: ProfilingRecord) -> [MessageNote.Field: [UInt8]] {
        var found: [MessageNote.Field: [UInt8]] = [:]
        for annotation in record.annotations where annotation.key == MessageNote.key {
            for (tag, bytes) in FieldReader(annotation.bytes) {
                found[MessageNote.Field(rawValue: tag)!] = Array(bytes)
            }
        }
        return found
    }

    private func number(_ bytes: [UInt8]?) -> UInt64? { bytes?.withUnsafeBytes { $0.loadUnaligned(as: UInt64.self) } }

    @Test func aRunSaysWhatItsMessageIs() throws {
        let bench = try Bench("code(1);")
        let context = Sample.context()
        try bench.inPass { _ = try bench.harness.run(on: context) }
        let end = try #require(bench.records().last)
        let fields = fields(end)
        #expect(fields[.method].map { String(decoding: $0, as: UTF8.self) } == context.message.methodText.string)
        #expect(fields[.callID].map { String(decoding: $0, as: UTF8.self) } == context.message.callID.string)
        #expect(fields[.uri].map { String(decoding: $0, as: UTF8.self) } == context.requestURI.string)
        #expect(number(fields[.origin]) == end.session)
        #expect(
            context.records
                == SessionLink(
                    session: SessionToken(rawValue: end.session).annotated,
                    origin: SessionToken(rawValue: end.session).annotated))
    }

    /// What was recorded before anybody wanted notes, for somebody else, is named in records, and nobody's origin.
    @Test func whatBeganWithoutNotesIsNoOrigin() throws {
        let bench = try Bench("route { code(1); } onreply_route[r] { code(1); }")
        let earlier = SessionLink(session: SessionToken(rawValue: 1024), origin: SessionToken(rawValue: 512))
        let route = try #require(bench.harness.engine.route(.onreply, "r"))
        bench.inPass {
            _ = bench.harness.process.run(TopRoute(route, as: .onreply, on: Sample.context(), continuing: earlier))
        }
        let records = bench.records()
        let start = try #require(records.first { $0.verb == .start })
        #expect(start.link == 1024 && !start.isLinkAnnotated)
        #expect(number(fields(try #require(records.last))[.origin]) == start.session)
    }

    @Test func nothingIsNotedThatNobodyWants() throws {
        let bench = try Bench("code(1);", wants: .script)
        try bench.inPass { _ = try bench.harness.run() }
        #expect(bench.records().allSatisfy { $0.annotations.isEmpty })
        let silent = try Bench("code(1);", wants: [])
        let context = Sample.context()
        try silent.inPass { _ = try silent.harness.run(on: context) }
        #expect(context.records == .none)
    }

    @Test func aWholeMessageComesInPieces() throws {
        let bench = try Bench("code(1);") { $0.notesRawMessages = true }
        let context = Sample.context()
        try bench.inPass { _ = try bench.harness.run(on: context) }
        let raw = bench.records().flatMap(\.annotations).filter { $0.key == MessageNote.rawKey }.flatMap(\.bytes)
        #expect(String(decoding: raw, as: UTF8.self) == context.message.wholeText.string)
    }

    /// A run that waits twice: each session names the one before it, all of them the first.
    @Test func resumedSessionsKeepTheirOrigin() throws {
        let bench = try Bench("wait(); wait(); code(1);")
        let context = Sample.context()
        try bench.inPass { _ = try bench.harness.run(on: context) }
        try bench.inPass { try bench.harness.resume(1) }
        try bench.inPass { try bench.harness.resume(1) }
        let records = bench.records()
        let starts = records.filter { $0.verb == .start }
        let ends = records.filter { $0.verb == .end }
        try #require(starts.count == 3 && ends.count == 3)
        #expect(starts.map(\.link) == [nil, starts[0].session, starts[1].session])
        #expect(ends.map { number(fields($0)[.origin]) } == [starts[0].session, starts[0].session, starts[0].session])
        #expect(context.records.session.rawValue == starts[2].session)
        #expect(context.records.origin.rawValue == starts[0].session)
    }

    @Test func aTopRouteSaysWhatItGoesOnWithOrWhatCausedIt() throws {
        let bench = try Bench("route { code(1); } onreply_route[r] { code(1); }")
        let earlier = SessionLink(
            session: SessionToken(rawValue: 1024).annotated, origin: SessionToken(rawValue: 512).annotated)
        let route = try #require(bench.harness.engine.route(.onreply, "r"))
        for isCause in [false, true] {
            let top = TopRoute(
                route, as: .onreply, on: Sample.context(), continuing: earlier, isLinkCause: isCause)
            bench.inPass { _ = bench.harness.process.run(top) }
        }
        let records = bench.records()
        let starts = records.filter { $0.verb == .start }
        let ends = records.filter { $0.verb == .end }
        #expect(starts.map(\.link) == [1024, 1024] && starts.map(\.isLinkCause) == [false, true])
        #expect(ends.map { number(fields($0)[.origin]) } == [512, ends[1].session])
    }

    /// Copies of ranges: a run costs no more allocations while its message is noted.
    @Test(.enabled(if: canCountAllocations), arguments: [[], .script, [.script, .annotations]] as [Interest])
    func notingAllocatesNothing(wants: Interest) throws {
        let bench = try Bench("code(1);", wants: wants)
        let context = Sample.context()
        let round = { bench.inPass { _ = try? bench.harness.run(on: context) } }
        for _ in 0..<4 { round() }
        #expect(allocations { for _ in 0..<100 { round() } } == 0)
    }
}
