import Profiling
import ProfilingTracing
import Testing
import Tracing

/// `withSpan` as records.
@Suite struct TracerTests {
    private struct Refused: Error {}

    private let profiler = Profiler()
    private let consumer = Consumer(name: "test")
    private let tracer: ProfilingTracer

    init() {
        tracer = ProfilingTracer(profiler: profiler, description: "handlers")
        profiler.attach(consumer, wants: .process)
        profiler.setLevel(.stack)
    }

    private func records() -> [ProfilingRecord] {
        profiler.collect()
        return consumer.take()
    }

    private func lines(_ records: [ProfilingRecord]) -> [String] {
        records.map { "\($0.verb.word) \($0.name) \($0.depth)" }
    }

    @Test func spansAreEntersAndExits() throws {
        tracer.withSpan("request") { span in
            #expect(span.isRecording)
            tracer.withSpan("parse") { _ in }
            try? tracer.withSpan("query") { _ in throw Refused() }
        }
        let records = records()
        #expect(
            lines(records) == [
                "start handlers 1", "enter request 2", "enter parse 3", "exit parse 2", "enter query 3", "exit query 2",
                "exit request 1", "end handlers 1",
            ])
        #expect(records.map(\.status) == [nil, nil, nil, 0, nil, -1, 0, 0])
        #expect(records[1].file?.hasSuffix("TracerTests.swift") == true)
        #expect(records[1].line != records[2].line)
        #expect(zip(records, records.dropFirst()).allSatisfy { $0.nanoseconds <= $1.nanoseconds })
        #expect(records.allSatisfy { $0.process == tracer.process })
    }

    @Test func spansOfConcurrentTasksNestUnderTheirOwn() async {
        await withTaskGroup(of: Void.self) { group in
            for request in 0..<20 {
                group.addTask {
                    await tracer.withSpan("request \(request)") { _ in
                        await Task.yield()
                        async let left: Void = tracer.withSpan("left \(request)") { _ in await Task.yield() }
                        async let right: Void = tracer.withSpan("right \(request)") { _ in await Task.yield() }
                        _ = await (left, right)
                    }
                }
            }
        }
        let sessions = Dictionary(grouping: records(), by: \.session)
        #expect(sessions.count == 20)
        for session in sessions.values {
            #expect(session.map(\.depth) == [1, 2, 3, 2, 3, 2, 1, 1])
            let number = session[1].name.split(separator: " ")[1]
            #expect(session[1...6].allSatisfy { $0.name.hasSuffix(" \(number)") })
            #expect(session[2].name == session[3].name)
        }
    }

    @Test func nobodyInterestedNothingKept() {
        profiler.setLevel(.off)
        tracer.withSpan("request") { span in
            #expect(!span.isRecording)
            // Interest that comes later is for the next session.
            profiler.setLevel(.stack)
        }
        #expect(records().isEmpty)
        tracer.withSpan("request") { _ in }
        #expect(records().count == 4)
    }

    @Test func whatOutlivesItsSessionEndsWithIt() {
        let outer = tracer.startSpan("outer", context: .topLevel, ofKind: .internal)
        let inner = tracer.startSpan("inner", context: outer.context, ofKind: .internal)
        outer.operationName = "renamed"
        outer.end()
        inner.end()
        outer.end()
        #expect(!inner.isRecording)
        #expect(
            lines(records()) == [
                "start handlers 1", "enter renamed 2", "enter inner 3", "exit inner 2", "exit renamed 1",
                "end handlers 1",
            ])
        let late = tracer.startSpan("late", context: outer.context, ofKind: .internal)
        #expect(!late.isRecording)
    }

    @Test func aSessionIsBounded() {
        tracer.withSpan("request") { _ in
            for _ in 0..<(ProfilingTracer.spansMax * 2) { tracer.withSpan("inner") { _ in } }
        }
        #expect(records().count { $0.verb == .enter } == ProfilingTracer.spansMax)
    }
}
