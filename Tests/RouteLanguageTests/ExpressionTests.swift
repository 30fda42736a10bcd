import RouteLanguage
import Testing

/// Precedence and forms of conditions and values, with the peer's oddities.
@Suite struct ExpressionTests {
    @Test(arguments: [
        ("2+3*4", "((2 + 3) * 4)"),
        ("10-2-3", "((10 - 2) - 3)"),
        ("1|2+4", "(1 | (2 + 4))"),
        ("1+2|4", "((1 + 2) | 4)"),
        ("4 + (7 & (~2))", "(4 + (7 & ~2))"),
        ("1 & 2 | 3 ^ 4 << 5 >> 6", "(((((1 & 2) | 3) ^ 4) << 5) >> 6)"),
        ("-5", "-5"),
        ("+5", "5"),
        ("3 - -2", "(3 - -2)"),
        ("$var(a)-1", "($var('a') - 1)"),
        ("-2147483648", "-2147483648"),
        ("0x10", "16"),
        ("010", "8"),
        ("0xFFFFFFFF", "-1"),
        ("yes", "1"),
        ("disable", "0"),
        ("null", "NULL"),
        ("\"sip:\" + $rU + \"@\" + $rd", "((('sip:' + $rU) + '@') + $rd)"),
        ("($var(v)==5)", "($var('v') == 5)"),
        ("$var(v) == 5", "($var('v') == 5)"),
        ("is_method(\"INVITE\")", "is_method()"),
        ("($var(a) == 1 && !($var(b) == 2))", "(($var('a') == 1) && !($var('b') == 2))"),
        ("10.0.0.1", "net[10, 0, 0, 1]/32"),
    ])
    func values(_ text: String, _ expected: String) {
        #expect(value(text) == expected)
    }

    @Test(arguments: [
        ("1 || 1 && 0", "((1 || 1) && 0)"),
        ("$rU or $rd and $du", "(($rU || $rd) && $du)"),
        ("! $rc == 1", "!($rc == 1)"),
        ("not $rc == 1 && $ru", "(!($rc == 1) && $ru)"),
        ("!(1 || 0)", "!(1 || 0)"),
        ("!!$rU", "!!$rU"),
        ("$rU == \"x\" && is_method(\"A\")", "(($rU == 'x') && is_method())"),
        ("$rc > -1", "($rc > -1)"),
        ("$rU != NULL", "($rU != NULL)"),
        ("$si == 10.0.0.0/8", "($si == net[10, 0, 0, 0]/8)"),
        ("$si == 10.0.0.0/255.255.0.0", "($si == net[10, 0, 0, 0]/16)"),
        ("$si == [::1]", "($si == net[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]/128)"),
        ("[ $var(a) & 4 ]", "[($var('a') & 4)]"),
        ("[$rc+1]", "[($rc + 1)]"),
        ("$ru =~ \"^sip:.*$\"", "($ru =~ '^sip:.*$')"),
        ("$rU=~$var(re)", "($rU =~ $var('re'))"),
        ("{ exit; }", "{1}"),
        ("$var(a) := 1", "($var('a') := 1)"),
    ])
    func conditions(_ text: String, _ expected: String) {
        #expect(condition(text) == expected)
    }

    @Test(arguments: [
        ("1 == $rc", "constant-left"),
        ("\"x\" == $rU", "constant-left"),
        ("is_method(\"A\") == 1", "constant-left"),
        ("\"x\"", "syntax"),
        ("$rc < NULL", "comparison-operand"),
        ("$si > 10.0.0.1", "comparison-operand"),
        ("$rU =~ 5", "comparison-operand"),
        ("$rU == alice", "syntax"),
        ("$rc + 1 > 2", "syntax"),
        ("$rc == (1 + 2)", "syntax"),
        ("$rU LIKE \"x\"", "syntax"),
        ("", "syntax"),
    ])
    func refusedConditions(_ text: String, _ code: String) {
        #expect(errors(analyse(statements: "if (\(text)) exit;")) == [code])
    }

    @Test(arguments: [
        ("$var(a) = 1 || 0;", "syntax"),
        ("$var(a) = alice;", "syntax"),
        ("$var(a) = ;", "syntax"),
        ("$var(a) 5;", "syntax"),
        ("$var(a) = 5 == $rc;", "constant-left"),
        ("$var(a){uri.user} = 1;", ""),
    ])
    func refusedAssignments(_ text: String, _ code: String) {
        #expect(errors(analyse(statements: text)) == (code.isEmpty ? ["syntax"] : [code]))
    }
}
