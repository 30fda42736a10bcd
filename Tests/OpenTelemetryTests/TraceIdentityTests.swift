import Profiling
import Testing

@testable import OpenTelemetry

/// In which trace things are, and who decides.
@Suite struct TraceIdentityTests {
    private static let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

    @Test func aCallIsOneTraceOnEveryServer() {
        let id = TraceIdentity.traceID(callID: Array("abc@192.0.2.1".utf8))
        // Written down: another version must find the same.
        #expect(id.hexadecimal == "b7eac3215c91ebab2f436e5cecc5f145")
        #expect(id != TraceIdentity.traceID(callID: Array("abd@192.0.2.1".utf8)))
    }

    private func one(
        _ note: Annotation, link: UInt64? = nil, _ change: (inout TraceDescription) -> Void
    ) throws -> OpenTelemetry.Span {
        var bench = RecordBench()
        bench.start(20, link: link)
        bench.end(20, annotations: [note])
        var assembler = SpanAssembler(RecordBench.description(change))
        return try #require(assembler.take(bench.records).first)
    }

    @Test func theCallIDNamesTheTraceWhenAsked() throws {
        let span = try one(RecordBench.note(RecordBench.invite(), origin: 20)) { $0.tracesCalls = true }
        #expect(span.traceID == TraceIdentity.traceID(callID: Array("abc@192.0.2.1".utf8)))
        #expect(span.parentSpanID == .none)
    }

    @Test func aTraceParentIsFollowedWhenAsked() throws {
        let note = RecordBench.note(RecordBench.invite(), origin: 20, traceParent: Self.parent)
        let off = try one(note) { _ in }
        #expect(off.traceID == RecordBench.identity.traceID(origin: 20))
        let on = try one(note) { $0.propagates = true }
        #expect(on.traceID.hexadecimal == "4bf92f3577b34da6a3ce929d0e0e4736")
        #expect(on.parentSpanID.hexadecimal == "00f067aa0ba902b7")
        #expect(on.flags == [.sampled, .hasIsRemote, .isRemote])
        // A reply of that request hangs on the request's span, in the same trace.
        let reply = try one(note, link: 19) { $0.propagates = true }
        #expect(reply.traceID == on.traceID && reply.parentSpanID == RecordBench.identity.spanID(session: 19))
        // With both, the call's trace, and a link to the caller's span.
        let both = try one(note) {
            $0.propagates = true
            $0.tracesCalls = true
        }
        #expect(both.parentSpanID == .none && both.links.map(\.traceID) == [on.traceID])
    }

    /// The state goes with the trace, for its spans and for links to it, as whole members of 512 bytes at most.
    @Test(arguments: [
        (["a=1"], "a=1"), (["a=1", "b=2,c=3"], "a=1,b=2,c=3"), (["a=\u{e4}"], ""), ([], ""),
        (["a=1," + String(repeating: "x", count: 508)], "a=1," + String(repeating: "x", count: 508)),
        (["a=1," + String(repeating: "x", count: 509)], "a=1"), ([String(repeating: "x", count: 600), "b=2"], ""),
        (["a=1", String(repeating: "x", count: 509), "b=2"], "a=1"),
    ]) func aTraceStateIsKept(headers: [String], kept: String) throws {
        var bench = RecordBench()
        let note = RecordBench.note(
            RecordBench.invite(), origin: 20, traceParent: Self.parent, traceState: headers)
        bench.start(20)
        bench.enter(20, "relay")
        bench.exit(20, "relay")
        bench.end(20, annotations: [note])
        func states(_ change: (inout TraceDescription) -> Void) -> (spans: [String], links: [String]) {
            var assembler = SpanAssembler(RecordBench.description(change))
            let spans = assembler.take(bench.records)
            return (spans.map(\.traceState), spans.flatMap(\.links).map(\.traceState))
        }
        #expect(states { $0.propagates = true } == ([kept, kept], []))
        #expect(states { _ in } == (["", ""], []), "in another trace it means nothing")
        #expect(
            states {
                $0.propagates = true
                $0.tracesCalls = true
            } == (["", ""], [kept]))
    }

    static let bad = [
        "", "00", "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
        "00-4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7-01",
        "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01x",
        "00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01",
    ]

    @Test(arguments: bad) func whatIsNoTraceParentIsIgnored(text: String) {
        #expect(TraceParent(Array(text.utf8)) == nil)
    }

    @Test func aTraceParentReadsAndWritesItself() throws {
        let read = try #require(TraceParent(Array(Self.parent.utf8)))
        #expect(read.isSampled && read.text.string == Self.parent)
        #expect(TraceParent(Array((Self.parent.replacing("00-4b", with: "cc-4b") + "-more").utf8)) == read)
    }
}
