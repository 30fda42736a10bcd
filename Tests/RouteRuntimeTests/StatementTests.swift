import Bytes
import SIPMessage
import Testing

@testable import RouteRuntime

/// Each kind of statement, and the limits of a run.
@Suite struct StatementTests {
    @Test(
        arguments: [
            ("if ($rm == \"ACK\") note(\"a\"); else if ($rm == \"INVITE\") note(\"b\"); else note(\"c\");", ["b"]),
            ("if ($rm == \"ACK\") note(\"a\");", []),
            ("$var(i) = 0; while ($var(i) < 3) { $var(i) += 1; if ($var(i) == 2) break; } note(\"$var(i)\");", ["2"]),
            ("$avp(a) = \"x\"; $avp(a) = \"y\"; for ($var(v) in $(avp(a)[*])) note(\"$var(v)\");", ["y", "x"]),
            ("for ($var(v) in $(hdr(X-Test)[*])) { note(\"$var(v)\"); break; }", ["one"]),
            ("switch ($rs) { case 1: note(\"1\"); default: note(\"d\"); }", ["d"]),
            // Without break a case falls through.
            (
                "$var(n) = 1; switch ($var(n)) { case 1: note(\"1\"); case 2: note(\"2\"); break; case 3: note(\"3\"); }",
                ["1", "2"]
            ),
            ("{ note(\"in\"); }; note(\"out\");", ["in", "out"]),
            ("$var(x) = 5; $var(x) -= 2; $var(x) *= 4; $var(x) /= 3; $var(x) |= 1; note(\"$var(x)\");", ["5"]),
            ("$var(x) = ~0; note(\"$var(x)\");", ["-1"]),
            ("$var(x) = 1 << 4; note(\"$var(x)\");", ["16"]),
            ("$var(x) = \"a\" + \"b\" + $rU; note(\"$var(x)\");", ["abbob"]),
            (
                "$var(x) = \"Hello, $rU!\"; note(\"$var(x)\"); note(\"$(var(x){s.eval})\");",
                ["Hello, $rU!", "Hello, bob!"]
            ),
            ("$var(x) = \"v\"; $var(x) = NULL; note(\"$var(x)\");", ["<null>"]),
            ("$avp(a) = 1; $avp(a) = 2; $avp(a) = NULL; note(\"$avp(a)\");", ["1"]),
            ("$avp(a) = 1; $avp(a) = 2; $(avp(a)[1]) = NULL; note(\"$(avp(a)[*])\");", ["2"]),
            ("$avp(a) = 1; $(avp(a)[append]) = 9; $(avp(a)[0]) = 8; note(\"$(avp(a)[*])\");", ["8, 9"]),
            ("$avp(a) = 4; $avp(a) += 1; note(\"$(avp(a)[*])\");", ["5"]),
            ("$var(n) = \"key\"; $avp($var(n)) = 3; note(\"$avp(key)\");", ["3"]),
            ("code(-2); note(\"$rc\"); code(0); note(\"never\");", ["-2"]),
            ("if (code(0)) note(\"then\"); note(\"after\");", []),
            ("note(\"a\"); exit; note(\"b\");", ["a"]),
            ("note(\"a\"); leave(); note(\"b\");", ["a"]),
            ("takes(\"a\"); takes(\"b\", 3); takes(\"$rp\", $rp);", ["a,nil", "b,3", "5070,5070"]),
            ("takes($avp(none)); note(\"$rc\");", ["-1"]),
            ("if (matching(\"ABC\", \"^a.c$\")) note(\"yes\");", ["yes"]),
            ("if ({ code(-1); }) note(\"then\"); else note(\"else\");", ["else"]),
        ])
    func statements(_ script: String, _ expected: [String]) throws {
        #expect(try ScriptHarness.notes(script) == expected)
    }

    @Test func dropIsTold() throws {
        let harness = try ScriptHarness("route { note(\"a\"); drop; note(\"b\"); }")
        guard case .finished(let result) = try harness.run() else { return }
        #expect(result == ScriptResult(code: 0, isDropped: true))
        let discarding = try ScriptHarness("route { discard(); note(\"b\"); }")
        guard case .finished(let other) = try discarding.run() else { return }
        #expect(other.isDropped && discarding.notes.isEmpty)
    }

    @Test func theLastStatementIsTheResultOfARoute() throws {
        let harness = try ScriptHarness(
            """
            route { route(a); note("$rc"); route(b); note("$rc"); route(c); note("$rc"); }
            route[a] { code(-5); }
            route[b] { if ($rm == "ACK") code(-5); }
            route[c] { if ($rm == "INVITE") { code(4); } }
            """)
        try harness.run()
        #expect(harness.notes == ["-5", "1", "4"])
    }

    @Test func dynamicRouteNames() throws {
        let harness = try ScriptHarness(
            """
            route { $var(r) = "x"; route($var(r)); route("to_$rU"); route("no_$rU"); note("$rc"); }
            route[x] { note("x"); }
            route[to_bob] { note("to bob"); }
            """)
        try harness.run()
        #expect(harness.notes == ["x", "to bob", "-1"])
        #expect(harness.recorder.logs.contains { $0.contains("no_bob") })
    }

    @Test func variablesBelongToOneRun() throws {
        let harness = try ScriptHarness("note(\"$var(x)\"); $var(x) = 1; $var(y) = 2;")
        try harness.run()
        try harness.run()
        #expect(harness.notes == ["<null>", "<null>"])
    }

    // MARK: Logs

    @Test(
        arguments: [
            ("xlog(\"plain $rm\\n\");", ["notice: plain INVITE"]),
            ("xlog(\"L_ERR\", \"e\");", ["error: e"]),
            ("xlog(\"L_INFO\", \"i\");", []),
            (
                "$xlog_level = 4; xlog(\"L_DBG\", \"d\"); xdbg(\"x\"); $xlog_level = NULL; xdbg(\"y\");",
                ["debug: d", "debug: x"]
            ),
            ("log(1, \"w\\n\");", ["warning: w"]),
            ("log(4, \"d\");", []),
            ("$log_level = 4; log(4, \"d\"); $log_level = NULL;", ["debug: d"]),
        ])
    func logging(_ script: String, _ expected: [String]) throws {
        let harness = try ScriptHarness(script)
        try harness.run()
        #expect(harness.recorder.logs == expected)
    }

    @Test func assertsRunTheErrorRoute() throws {
        let script = """
            route { assert($rm == "ACK", "not $rm"); note("on"); }
            error_route { note("$err.info"); }
            """
        let on = try ScriptHarness(script) { $0.assertsEnabled = true }
        try on.run()
        #expect(on.notes == ["assertion failed: not INVITE"])
        let off = try ScriptHarness(script)
        try off.run()
        #expect(off.notes == ["on"])
    }

    @Test func scriptTracePrintsEachCall() throws {
        let harness = try ScriptHarness(
            "script_trace(1, \"$rm\", \"me\");\nnote(\"x\");\nscript_trace();\nnote(\"y\");")
        try harness.run()
        #expect(
            harness.recorder.logs == [
                "warning: [line 3][me][note] -> (INVITE)", "warning: [line 4][me][script_trace] -> (INVITE)",
            ])
    }

    // MARK: Limits

    @Test func whileLoopsAreCutOff() throws {
        let harness = try ScriptHarness("$var(i) = 0; while (1) { $var(i) += 1; } note(\"$var(i)\");") {
            $0.whileLoopsMax = 25
        }
        try harness.run()
        #expect(harness.notes == ["25"])
        #expect(harness.recorder.logs.contains { $0.contains("max_while_loops") })
    }

    @Test func nestedRoutesAreCutOff() throws {
        let harness = try ScriptHarness(
            """
            route { $var(n) = 0; route(again); note("$var(n) $rc"); }
            route[again] { $var(n) += 1; route(again); }
            """)
        try harness.run()
        #expect(harness.notes == ["100 -1"])
    }

    @Test func stepsAreCutOff() throws {
        let harness = try ScriptHarness("while (1) { while (1) { $var(i) = 1; } }") { $0.stepsMax = 5000 }
        let code = try harness.code()
        #expect(code == -1)
        #expect(harness.recorder.logs.contains { $0.contains("5000 steps") })
    }

    @Test func textsAreBounded() throws {
        let harness = try ScriptHarness(
            "$var(x) = \"0123456789\"; $var(i) = 0; while ($var(i) < 40) { $var(x) = $var(x) + $var(x); $var(i) += 1; }"
                + "note(\"$(var(x){s.len})\");"
        ) { $0.textBytesMax = 1000 }
        try harness.run()
        #expect(harness.notes == ["640"])
    }

    @Test func avpsAreBounded() throws {
        let harness = try ScriptHarness("while (1) { $avp(x) = 1; } note(\"end\");")
        let context = Sample.context()
        try harness.run(on: context)
        #expect(context.avps.count("x") == AVPStore.valueCountMax)
        #expect(harness.notes == ["end"])
    }

    @Test func slowScriptsAreReported() throws {
        nonisolated(unsafe) var reports: [ThresholdReport] = []
        let harness = try ScriptHarness(
            "note(\"a\"); code(1); note(\"b\"); while ($var(i) < 9000) { $var(i) += 1; }"
                .replacing("while ($var(i)", with: "$var(i) = 0; while ($var(i)")
        ) {
            $0.execThresholdMicroseconds = 1
            $0.onThreshold = { reports.append($0) }
        }
        try harness.run()
        #expect(reports.count == 1)
        #expect(reports.first?.routeName == "<root>")
        #expect(reports.first?.message.callID == "a84b4c76e66710@pc33")
        #expect(reports.first?.slowest.count == 3)
        #expect(Set(reports.first?.slowest.map(\.name) ?? []) == ["note", "code"])
    }

    @Test(arguments: [
        ("number(0);", ["back 0"]), ("number(0); return;", ["back 1"]), ("number(7);", ["back 7"]),
        ("if ($rm == \"INVITE\") { number(0); }", ["back 0"]), ("note(\"in\"); route(inner);", ["in", "back 1"]),
        ("return(0);", []), ("code(0);", []), ("number(0); return($rc);", []),
    ])
    func aNumberOf0AtTheEndOfARouteStopsNothing(body: String, expected: [String]) throws {
        let harness = try ScriptHarness(
            "route { if (route(r)) note(\"back $rc\"); }\nroute[r] { \(body) }\nroute[inner] { number(0); }")
        try harness.run()
        #expect(harness.notes == expected, "\(body)")
    }

    @Test func aFullStoreTakesNoOtherName() {
        let store = AVPStore()
        for number in 0..<AVPStore.valueCountMax {
            #expect(store.replaceAll(ByteString("n\(number)"), with: .integer(1)))
        }
        #expect(!store.replaceAll("one more", with: .integer(1)))
        #expect(store.replaceAll("n5", with: .integer(2)), "it takes the place of what is there")
        #expect(store.replaceAll("n6", with: nil) && store.replaceAll("one more", with: .integer(1)))
        #expect(store.all.count == AVPStore.valueCountMax)
    }
}
