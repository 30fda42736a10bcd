import RouteLanguage
import Testing

@testable import RouteRuntime

/// Row by row what small scripts did on the peer (`reference/route-script.md` §8).
@Suite struct GroundTruthTests {
    @Test(
        arguments: [
            // Arithmetic: one level, left to right, 32 bits.
            ("$var(x) = 2+3*4;", "20"),
            ("$var(x) = 10-2-3;", "5"),
            ("$var(x) = 1|2+4;", "7"),
            ("$var(x) = 7/2;", "3"),
            ("$var(x) = 5/0;", "0"),
            ("$var(x) = 2147483647+1;", "-2147483648"),
            // Kinds that do not mix: the assignment is skipped.
            ("$var(x) = \"a\"+5;", "<null>"),
            ("$var(x) = 5+\"a\";", "<null>"),
            ("$var(x) = 5+\"7\";", "<null>"),
            ("$var(v) = \"1\"; $var(x) = $var(v)+1;", "<null>"),
            ("$var(v) = \"1\"; $var(x) = $(var(v){s.int})+1;", "2"),
            ("$var(x) = 5; $var(x) += \"x\";", "5"),
            ("$var(x) = \"a\"; $var(x) += \"b\";", "ab"),
            ("$var(x) = true;", "1"),
            ("$var(v) = 5; $var(x) = ($var(v)==5);", "1"),
            // Values of routes.
            ("$avp(a) = 1; $avp(a) = 2; $avp(a) = 3; $var(x) = $(avp(a)[1]);", "2"),
            ("$avp(a) = 1; $avp(a) = 2; $avp(a) = 3; $var(x) = $(avp(a)[-1]);", "1"),
            ("$avp(a) = 1; $avp(a) = 2; $avp(a) = 3; $var(x) = $avp(a);", "3"),
            ("$avp(a) = 1; $avp(a) = 2; $avp(a) = 3; $var(x) = $(avp(a)[*]);", "3, 2, 1"),
            ("$avp(a) = 1; $avp(a) = 2; $avp(a) := \"z\"; $var(x) = $(avp(a)[*]);", "z"),
            ("$var(x) = $avp(never);", "<null>"),
        ])
    func values(_ statements: String, _ expected: String) throws {
        #expect(try ScriptHarness.print("$var(x)", after: statements) == expected)
    }

    @Test(
        arguments: [
            // One level for AND and OR.
            ("$var(t) = 1;", "$var(t) || $var(t) && $var(zero)", false),
            ("$var(t) = 1;", "$var(zero) && $var(zero) || $var(t)", true),
            // Text: case aside.
            ("$var(s) = \"abc\";", "$var(s) == \"ABC\"", true),
            ("$var(s) = \"abc\";", "$var(s) =~ \"^AB\"", true),
            ("$var(s) = \"abc\";", "$var(s) !~ \"^AB\"", false),
            // Kinds that do not mix are an error, which is not true, and neither is its negation.
            ("$var(s) = \"abc\";", "$var(s) == 5", false),
            ("$var(s) = \"abc\";", "!($var(s) == 5)", false),
            ("$var(s) = \"abc\";", "$var(s) != 5", false),
            ("$var(n) = 5;", "!$var(n) == 5", false),
            ("$var(n) = 5;", "$var(n) == \"5\"", false),
            // NULL.
            ("", "$var(n) != \"x\"", true),
            ("", "$var(n) == \"x\"", false),
            ("", "$var(n) =~ \"x\"", false),
            ("", "$var(n) !~ \"x\"", true),
            ("", "$var(n) == NULL", true),
            ("", "$var(n) != NULL", false),
            ("", "$var(n) == $var(m)", true),
            ("", "$var(n)", false),
            // Truth of values.
            ("$var(s) = \"\";", "$var(s)", false),
            ("$var(s) = \"0\";", "$var(s)", true),
            ("$var(s) = 0;", "$var(s)", false),
            ("$var(s) = -1;", "$var(s)", true),
            ("$var(s) = 5;", "[ $var(s) & 4 ]", true),
            ("$var(s) = 3;", "[ $var(s) & 4 ]", false),
            // A value of both kinds compares with either.
            ("$avp(n) = 5;", "$avp(n) == 5", true),
            ("$avp(n) = 5;", "$avp(n) == \"5\"", true),
            ("", "$rp == 5070 && $rp == \"5070\"", true),
            // Addresses.
            ("", "$si == 10.0.0.0/8", true),
            ("", "$si == 11.0.0.0/8", false),
            ("", "$si != 11.0.0.0/8", true),
            ("", "$si == 10.1.2.3", true),
            ("$var(a) = \"2001:db8::1\";", "$var(a) == [2001:db8::]/32", true),
            // Order.
            ("$var(s) = \"b\";", "$var(s) > \"A\"", true),
            ("$var(n) = 5;", "$var(n) >= 5", true),
            ("$var(n) = 5;", "$var(n) < 5", false),
        ])
    func conditions(_ statements: String, _ condition: String, _ expected: Bool) throws {
        let notes = try ScriptHarness.notes(
            "\(statements)\nif (\(condition)) note(\"then\"); else note(\"else\");")
        #expect(notes == [expected ? "then" : "else"])
    }

    @Test func kindErrorsWarnWithFileAndLine() throws {
        let harness = try ScriptHarness("$var(s) = \"abc\";\nif ($var(s) == 5) note(\"then\");")
        try harness.run()
        #expect(harness.recorder.logs.contains { $0.contains("test.cfg:3:") && $0.contains("invalid == operation") })
    }

    @Test func divisionByZeroIsLogged() throws {
        let harness = try ScriptHarness("$var(s) = 5/0;")
        try harness.run()
        #expect(harness.recorder.logs.contains { $0.contains("division by zero") })
    }

    @Test(
        arguments: [
            ("return(-3);", "-3||", true),
            ("return(2,\"a\",5);", "2|a|5", true),
            ("$var(y) = 1;", "1|<null>|<null>", true),
            ("$var(s) = \"text\"; return $var(s);", "1|<null>|<null>", true),
            ("return $var(never);", "-1|<null>|<null>", true),
            ("return(0);", "", false),
            ("exit;", "", false),
        ])
    func returns(_ body: String, _ expected: String, _ goesOn: Bool) throws {
        let harness = try ScriptHarness(
            "route { route(r); note(\"$rc|$return(0)|$return(1)\"); }\nroute[r] { \(body) }")
        try harness.run()
        let shown = expected == "-3||" ? "-3|<null>|<null>" : expected
        #expect(harness.notes == (goesOn ? [shown] : []))
    }

    @Test func routeParametersAreNotExpanded() throws {
        let harness = try ScriptHarness(
            """
            route { $var(n) = 3; $var(v) = "val"; route(par, 1, "x$var(n)", $var(v)); }
            route[par] { note("$param(1)"); note("$param(2)"); note("$param(3)"); note("$param(4)"); }
            """)
        try harness.run()
        #expect(harness.notes == ["1", "x$var(n)", "val", "<null>"])
    }

    @Test func escapes() throws {
        #expect(try ScriptHarness.print("\\x41 \\101 $$") == "A A $")
    }

    @Test func switchComparesTextWithoutCase() throws {
        let notes = try ScriptHarness.notes(
            "$var(s) = \"abc\"; switch ($var(s)) { case \"ABC\": note(\"hit\"); break; default: note(\"default\"); }")
        #expect(notes == ["hit"])
    }
}
