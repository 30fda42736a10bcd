import RouteLanguage
import Testing

@testable import RouteRuntime

/// Routes that cause routes: however they do it, the limits of one run hold for all of them together.
@Suite struct NestingTests {
    @Test(arguments: [
        "error_route { note(\"error\"); assert($rm == \"NONE\", \"again\"); note(\"after\"); }",
        "error_route { note(\"error\"); route(sub); note(\"after\"); }\nroute[sub] { assert($rm == \"NONE\", \"again\"); }",
        "error_route { note(\"error\"); branches(\"b\", 2); }\nbranch_route[b] { assert($rm == \"NONE\", \"again\"); }",
    ])
    func anAssertionOfTheErrorRouteStartsItOnce(routes: String) throws {
        let harness = try ScriptHarness("route { assert($rm == \"ACK\", \"first\"); note(\"on\"); }\n\(routes)") {
            $0.assertsEnabled = true
        }
        #expect(try harness.code() == 0)
        #expect(harness.notes == ["error"])
        #expect(harness.recorder.logs.first?.contains("assertion failed: first") == true)
        #expect(harness.recorder.logs.dropFirst().allSatisfy { $0.contains("assertion failed: again") })
        #expect(harness.recorder.logs.count > 1)
    }

    @Test func theStepsOfNestedRoutesAreTheOuterOnes() throws {
        let harness = try ScriptHarness(
            """
            route { $var(i) = 0; while ($var(i) < 100) { branches("b", 5); $var(i) = $var(i) + 1; } note("after"); }
            branch_route[b] { note("branch"); }
            """
        ) { $0.stepsMax = 300 }
        #expect(try harness.code() == -1)
        #expect(harness.notes.count > 10 && harness.notes.count < 200, "\(harness.notes.count)")
        #expect(harness.notes.last == "branch")
        #expect(harness.recorder.logs.contains { $0.contains("stopped after 300 steps") })
        // A run that was stopped leaves nothing behind for the next.
        harness.recorder.clear()
        _ = try harness.code()
        #expect(harness.notes.count > 10)
    }

    @Test func theDepthOfNestedRoutesAddsUp() throws {
        let harness = try ScriptHarness(
            """
            route { branches("b", 1); note("back"); }
            branch_route[b] { note("in"); route(sub); }
            route[sub] { branches("b", 1); }
            """
        ) { $0.routeDepthMax = 10 }
        try harness.run()
        #expect(harness.notes.filter { $0 == "in" }.count <= 10, "\(harness.notes)")
        #expect(harness.notes.last == "back")
        #expect(harness.recorder.logs.contains { $0.contains("more than 10 nested calls") })
    }

    @Test func aRouteThatCausesItselfEnds() throws {
        let harness = try ScriptHarness("route { cause(); note(\"end\"); }\nlocal_route { note(\"local\"); cause(); }")
        try harness.run()
        #expect(harness.notes == Array(repeating: "local", count: ScriptProcess.nestedMax - 1) + ["end"])
        #expect(harness.recorder.logs.contains { $0.contains("local_route was dropped") })
        // And again, as often.
        harness.recorder.clear()
        try harness.run()
        #expect(harness.notes.count == ScriptProcess.nestedMax)
    }

    /// What a route launches, whoever caused it, waits until the outermost script lets go, and is told of its end.
    @Test func launchedRoutesWaitForTheOutermostScript() throws {
        let harness = try ScriptHarness(
            """
            route { launch(wait(), report, "first"); cause(); note("outer"); branches("b", 1); note("last"); }
            local_route { launch(wait(), report, "caused"); note("local"); }
            branch_route[b] { launch(wait(), report, "branch"); note("branch"); }
            route[report] { note("launched $param(1)"); cause(); note("report"); }
            """)
        harness.recorder.earlyOutcome = 1
        let route = try #require(harness.engine.route(.request))
        harness.process.run(TopRoute(route, as: .request, on: Sample.context())) { _ in harness.recorder.note("over") }
        #expect(
            harness.notes.prefix(6) == ["local", "outer", "branch", "last", "over", "launched first"],
            "\(harness.notes)")
        for _ in 0..<20 { harness.process.process.reactor.runOnce() }
        #expect(
            harness.notes.filter { $0.hasPrefix("launched") }.prefix(3) == [
                "launched first", "launched caused", "launched branch",
            ])
    }

    @Test func whatARouteCausesTakesItsSteps() throws {
        let harness = try ScriptHarness(
            """
            route { $var(i) = 0; while ($var(i) < 100) { cause(); $var(i) = $var(i) + 1; } note("after"); }
            local_route { note("local"); }
            """
        ) { $0.stepsMax = 300 }
        #expect(try harness.code() == -1)
        #expect(harness.notes.count > 10 && harness.notes.count < 100 && harness.notes.last == "local")
    }
}
