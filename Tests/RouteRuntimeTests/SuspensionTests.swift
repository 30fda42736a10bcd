import Testing

@testable import RouteRuntime

/// A host function may suspend the script anywhere; it goes on where it was when it is resumed.
@Suite struct SuspensionTests {
    @Test(
        arguments: [
            ("statement", "wait(); note(\"$rc\");", ["2"]),
            ("if", "if (wait()) note(\"then\"); else note(\"else\");", ["then"]),
            ("not", "if (!wait()) note(\"then\"); else note(\"else\");", ["else"]),
            ("and", "$var(t) = 1; if ($var(t) && wait() && $var(t)) note(\"then\");", ["then"]),
            ("assignment", "$var(x) = wait(); note(\"$var(x)\");", ["2"]),
            ("while", "while ($var(i) < 1 || $var(i) == NULL) { wait(); $var(i) = 1; } note(\"$var(i)\");", ["1"]),
            ("for", "$avp(a) = 1; for ($var(x) in $(avp(a)[*])) { wait(); note(\"$var(x)\"); }", ["1"]),
            ("switch", "switch ($rm) { case \"INVITE\": wait(); note(\"in\"); break; default: note(\"no\"); }", ["in"]),
        ])
    func anywhere(_ place: String, _ script: String, _ expected: [String]) throws {
        let harness = try ScriptHarness(script)
        guard case .suspended = try harness.run() else {
            Issue.record("\(place): the script did not wait")
            return
        }
        #expect(harness.process.waitingCount == 1)
        try harness.resume(2)
        #expect(harness.notes == expected)
        #expect(harness.process.waitingCount == 0)
    }

    @Test func inNestedRoutesWithParameters() throws {
        let harness = try ScriptHarness(
            """
            route { $var(a) = "A"; route(one, "p"); note("back $rc $var(a)"); }
            route[one] { route(two, 5); note("one $param(1)"); return(7); }
            route[two] { if (wait()) note("two $param(1)"); }
            """)
        try harness.run()
        #expect(harness.notes.isEmpty)
        try harness.resume(1)
        #expect(harness.notes == ["two 5", "one p", "back 7 A"])
    }

    @Test func resumeWithZeroStopsTheScript() throws {
        let harness = try ScriptHarness("if (wait()) note(\"then\"); note(\"after\");")
        try harness.run()
        var ended: ScriptResult?
        harness.recorder.waiting[0].onEnd = { ended = $0 }
        try harness.resume(0)
        #expect(harness.notes.isEmpty)
        #expect(ended == ScriptResult(code: 0))
    }

    @Test func resumedBeforeItReturned() throws {
        let harness = try ScriptHarness("wait(); note(\"$rc\");")
        harness.recorder.earlyOutcome = 9
        let code = try harness.code()
        #expect(harness.notes == ["9"])
        #expect(code == 1)
    }

    @Test func resumedTwiceIsResumedOnce() throws {
        let harness = try ScriptHarness("wait(); note(\"$rc\");")
        try harness.run()
        let run = harness.recorder.waiting[0]
        run.resume(.done(3))
        run.resume(.done(4))
        #expect(harness.notes == ["3"])
    }

    @Test func manyRunsWaitAtOnce() throws {
        let harness = try ScriptHarness("$var(x) = $ci; wait(); note(\"$var(x) $rc\");")
        for _ in 0..<50 { try harness.run() }
        for code in 1...50 { try harness.resume(Int32(code)) }
        #expect(harness.notes.count == 50)
        #expect(harness.notes.last == "a84b4c76e66710@pc33 50")
    }

    @Test func tooManyWaitingRunsFail() throws {
        let harness = try ScriptHarness("wait(); note(\"$rc\");") { $0.waitingRunsMax = 2 }
        for _ in 0..<3 { try harness.run() }
        #expect(harness.notes == ["-1"])
        #expect(harness.recorder.logs.contains { $0.contains("cannot wait") })
    }

    // MARK: Nested top routes

    @Test func branchRoutesRunOncePerBranch() throws {
        let harness = try ScriptHarness(
            """
            route { $var(own) = "main"; branches("b", 3); note("$rc $var(own)"); }
            branch_route[b] {
                note("branch $T_idx$var(own)");
                $var(own) = "branch";
                if ($rU == "bob") { setbflag("x"); }
                drop;
            }
            """.replacing("$T_idx", with: ""))
        try harness.run()
        #expect(harness.notes == ["branch <null>", "branch <null>", "branch <null>"])
    }

    @Test func branchRouteThatWaits() throws {
        let harness = try ScriptHarness(
            """
            route { branches("b", 2); note("done $rc"); }
            branch_route[b] { wait(); note("branch"); }
            """)
        try harness.run()
        try harness.resume(1)
        #expect(harness.notes == ["branch"])
        try harness.resume(1)
        #expect(harness.notes == ["branch", "branch", "done 2"])
    }

    // MARK: async and launch

    @Test func asyncRunsTheResumeRoute() throws {
        let harness = try ScriptHarness(
            """
            route { $var(v) = 1; $avp(a) = "kept"; $ru = "sip:new@host"; async(wait(), next); note("never"); }
            route[next] { note("$rc $var(v) $avp(a) $ru"); }
            """)
        try harness.run()
        #expect(harness.notes.isEmpty)
        try harness.resume(5)
        #expect(harness.notes == ["5 <null> kept sip:new@host"])
    }

    @Test func asyncInANestedRouteEndsTheWholeRun() throws {
        let harness = try ScriptHarness(
            """
            route { route(inner); note("never"); }
            route[inner] { async(wait(), next); }
            route[next] { note("next $rc"); }
            """)
        try harness.run()
        try harness.resume(-4)
        #expect(harness.notes == ["next -4"])
    }

    @Test func asyncGivesUpAfterItsTimeout() throws {
        let harness = try ScriptHarness(
            """
            route { async(wait(), next, 1); }
            route[next] { note("$rc"); }
            """)
        try harness.run()
        #expect(harness.process.waitingCount == 1)
        while harness.process.waitingCount > 0 { harness.process.process.reactor.runOnce() }
        #expect(harness.notes == ["-1"])
        try harness.resume(1)
        #expect(harness.notes == ["-1"])
    }

    @Test func launchRunsBesideTheScript() throws {
        let harness = try ScriptHarness(
            """
            route { $var(v) = "mine"; launch(wait(), report, "text $var(v)"); note("goes on $rc"); }
            route[report] { note("$rc $param(1) $var(v)"); }
            """)
        let code = try harness.code()
        #expect(code == 1)
        #expect(harness.notes == ["goes on 0"])
        try harness.resume(6)
        #expect(harness.notes == ["goes on 0", "6 text mine <null>"])
    }

    @Test func launchSeesItsOutputs() throws {
        let harness = try ScriptHarness(
            """
            route { launch(wait_into($var(o)), report); note("$var(o)"); }
            route[report] { note("$var(o)"); }
            """)
        try harness.run()
        try harness.resume(1)
        #expect(harness.notes == ["<null>", "out"])
    }

    @Test func launchWithoutReport() throws {
        let harness = try ScriptHarness("launch(wait()); note(\"on\");")
        harness.recorder.earlyOutcome = 1
        try harness.run()
        #expect(harness.notes == ["on"])
        #expect(harness.process.waitingCount == 0)
    }

    @Test(arguments: [
        ("pause($avp(none)); note(\"$rc\");", ["-1"]),
        ("async(pause($avp(none), $var(x)), r);", ["resumed -1"]),
        ("$avp(t) = \"long\"; async(pause($avp(t)), r);", ["resumed -1"]),
        ("async(pause(5), r);", ["pause 5", "resumed 1"]),
        ("launch(pause($avp(none)), r, \"p\"); note(\"on\");", ["on", "resumed -1p"]),
        ("launch(pause($avp(none))); note(\"on\");", ["on"]),
        ("launch(pause(5), r, \"p\"); note(\"on\");", ["pause 5", "on", "resumed 1p"]),
    ])
    func argumentsAreJudgedWhereverAFunctionStands(statements: String, expected: [String]) throws {
        let harness = try ScriptHarness(
            "route { \(statements) }\nroute[r] { note(\"resumed $rc\(statements.contains("\"p\"") ? "$param(1)" : "")\"); }"
        )
        try harness.run()
        #expect(harness.notes == expected)
        let isWrong = !statements.contains("pause(5)")
        #expect(
            harness.recorder.logs.filter { $0.contains("pause(): parameter \"seconds\"") }.count == (isWrong ? 1 : 0))
        // Nothing of a refused call is left on the stacks.
        harness.recorder.clear()
        try harness.run()
        #expect(harness.notes == expected)
    }
}
