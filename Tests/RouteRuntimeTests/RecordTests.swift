import Profiling
import Testing

@testable import RouteRuntime

/// The records that scripts leave: sessions of top routes, sub-routes with the line of their call, slow functions.
@Suite struct RecordTests {
    private struct Bench {
        let profiler = Profiler()
        let consumer = Consumer(name: "test")
        let harness: ScriptHarness
        let pass = Site("pass", interest: .process)

        init(_ script: String) throws {
            profiler.attach(consumer, wants: .script)
            harness = try ScriptHarness(script, profiler: profiler)
        }

        func inPass(_ body: () throws -> Void) rethrows {
            harness.process.process.probe.begin(pass)
            try body()
            harness.process.process.probe.end()
        }

        func records() -> [ProfilingRecord] {
            profiler.collect()
            return consumer.take()
        }

        static func line(_ record: ProfilingRecord) -> String {
            let place = record.line.map { " \($0)" } ?? ""
            return "\(record.verb.word) \(record.name)\(place) \(record.depth)\(record.status.map { " =\($0)" } ?? "")"
        }
    }

    @Test func routesAndLines() throws {
        let bench = try Bench(
            """
            route {
                route(sanity, "10");
                note("x");
                if (route(nested)) exit;
            }
            route[sanity] {
                route(nested);
                return(7);
            }
            route[nested] {
                return(1);
            }
            """)
        try bench.inPass { try bench.harness.run() }
        let records = bench.records()
        #expect(
            records.map(Bench.line) == [
                "start <root> 1", "enter <root> 2 2", "enter sanity 2 3", "enter nested 7 4", "exit nested 7 3 =1",
                "exit sanity 2 2 =7", "enter nested 4 3", "exit nested 4 2 =1", "exit <root> 2 1 =0", "end <root> 1 =0",
            ])
        #expect(records.allSatisfy { $0.type == 1 && $0.producer == .script })
        #expect(records[1].file == "test.cfg")
        #expect(Set(records.map(\.session)).count == 1)
    }

    @Test func branchRoutesAreSessionsInside() throws {
        let bench = try Bench(
            """
            route { branches("b", 1); }
            branch_route[b] { route(nested); }
            route[nested] { return(1); }
            """)
        try bench.inPass { try bench.harness.run() }
        let records = bench.records()
        let inner = records.filter { $0.type == 8 }
        #expect(inner.map(\.verb) == [.start, .enter, .enter, .exit, .exit, .end])
        #expect(inner.first?.parent == records.first?.session)
        #expect(Set(inner.map(\.session)).count == 1 && inner.first?.session != records.first?.session)
        let slow = records.filter { $0.name == "branches" }
        #expect(slow.map(\.verb) == [.enter, .exit] && slow.last?.status == 1 && slow.first?.line == 1)
    }

    @Test func aSuspendedScriptGoesOnInALinkedSession() throws {
        let bench = try Bench(
            """
            route {
                route(inner);
                note("end");
            }
            route[inner] { wait(); }
            """)
        try bench.inPass { try bench.harness.run() }
        let first = bench.records()
        #expect(
            first.map(Bench.line) == [
                "start <root> 1", "enter <root> 2 2", "enter inner 2 3", "enter wait 5 4", "exit wait 5 3 =0",
                "exit inner 2 2 =0", "exit <root> 2 1 =0", "end <root> 1 =0",
            ])
        try bench.inPass { try bench.harness.resume(3) }
        let second = bench.records()
        #expect(
            second.map(Bench.line) == [
                "start <root> 1", "enter <root> 2 2", "enter inner 2 3", "enter wait 5 4", "exit wait 5 3 =3",
                "exit inner 2 2 =3", "exit <root> 2 1 =1", "end <root> 1 =1",
            ])
        #expect(second.first?.link == first.first?.session)
        #expect(second.first?.session != first.first?.session)
    }

    @Test func asyncResumesAsItsRoute() throws {
        let bench = try Bench(
            """
            route { async(wait(), next); }
            route[next] { note("$rc"); }
            """)
        try bench.inPass { try bench.harness.run() }
        let first = bench.records()
        #expect(first.map(\.verb) == [.start, .enter, .enter, .exit, .exit, .end])
        try bench.inPass { try bench.harness.resume(3) }
        let second = bench.records()
        #expect(
            second.map(Bench.line) == ["start next 1", "enter next 2 2", "exit next 2 1 =1", "end next 1 =1"])
        #expect(second.first?.link == first.first?.session)
    }

    @Test func launchedFunctionsLeaveTheScriptAlone() throws {
        let bench = try Bench(
            """
            route { launch(wait(), report); }
            route[report] { note("$rc"); }
            """)
        try bench.inPass { try bench.harness.run() }
        #expect(
            bench.records().map(Bench.line) == [
                "start <root> 1", "enter <root> 1 2", "enter wait 1 3", "exit wait 1 2 =0", "exit <root> 1 1 =1",
                "end <root> 1 =1",
            ])
        try bench.inPass { try bench.harness.resume(3) }
        #expect(
            bench.records().map(Bench.line) == [
                "start report 1", "enter report 2 2", "exit report 2 1 =1", "end report 1 =1",
            ])
    }

    @Test func nobodyInterestedNoRecords() throws {
        let bench = try Bench("route { route(a); }\nroute[a] { exit; }")
        bench.profiler.detach(bench.consumer)
        try bench.inPass { try bench.harness.run() }
        #expect(bench.records().isEmpty)
    }
}
