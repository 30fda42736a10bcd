import RouteLanguage
import Testing

/// Variable tokens, formats and transformations.
@Suite struct VariableTests {
    @Test(arguments: [
        ("$ru", "$ru"),
        ("$var(x)", "$var('x')"),
        ("$avp($var(n))", "$avp('<$var('n')>')"),
        ("$avp(a-b.c)", "$avp('a-b.c')"),
        ("$(ru)", "$ru"),
        ("$(ru{uri.user})", "$ru{uri.user}"),
        ("$(hdr(Via)[-1])", "$hdr('Via')[-1]"),
        ("$(avp(x)[*])", "$avp('x')[*]"),
        ("$(avp(x)[$var(i)])", "$avp('x')[$var('i')]"),
        ("$(<request>ru)", "$<request>ru"),
        ("$(<reply>hdr(Contact))", "$<reply>hdr('Contact')"),
        ("$(hdr(Via)[1]{via.param,rport}{s.int})", "$hdr('Via')[1]{via.param,'rport'}{s.int}"),
        ("$(var(x){s.select,1,,})", "$var('x'){s.select,'1',','}"),
        ("$(var(x){s.select,-1, })", "$var('x'){s.select,'-1',' '}"),
        ("$(var(x){s.substr, 1, $var(n)})", "$var('x'){s.substr,'1','<$var('n')>'}"),
        ("$(ru{re.subst,/(a),(b)/\\2{1}/g})", "$ru{re.subst,'/(a),(b)/\\2{1}/g'}"),
        ("$(hdr(To){nameaddr.uri})", "$hdr('To'){nameaddr.uri}"),
        ("$(hdr(To){nameaddr.-1.uri})", "$hdr('To'){nameaddr.-1.uri}"),
        ("$time(%H:%M)", "$time('%H:%M')"),
    ])
    func tokens(_ text: String, _ expected: String) {
        #expect(value(text) == expected)
        #expect(errors(analyse(statements: "$var(x) = \(text);")).isEmpty)
    }

    @Test(arguments: [
        ("plain", "'plain'"),
        ("$rU@$rd", "'<$rU>@<$rd>'"),
        ("to $rd.", "'to <$rd>.'"),
        ("$$5", "'$5'"),
        ("$(ru{uri.user}):$var(x)", "'<$ru{uri.user}>:<$var('x')>'"),
        ("$(rd).example", "'<$rd>.example'"),
        ("\\x41 \\101 $$", "'A A $'"),
        ("\\1 \\. \\q", "'\\1 \\. \\q'"),
        ("a\\\nb", "'ab'"),
        ("\\t\\n\\r\\a\\\"\\\\", "'\t\n\r\u{7}\"\\'"),
        ("\\x4g", "'\u{4}g'"),
        ("é$rd", "'é<$rd>'"),
    ])
    func formats(_ text: String, _ expected: String) {
        #expect(value("\"\(text)\"") == expected)
    }

    @Test func singleQuotesHaveNoEscapes() {
        #expect(value("'a\\n\\x41\"'") == "'a\\n\\x41\"'")
    }

    @Test(arguments: [
        ("$nope", "unknown-variable"),
        ("$(nope)", "unknown-variable"),
        ("$var", "variable-inner"),
        ("$ru(x)", "variable-inner"),
        ("$(ru[1])", "bad-index"),
        ("$(avp(x)[one])", "bad-index"),
        ("$(tm.branch.uri[0/active])", "bad-index"),
        ("$(tm.branch.uri[$var(i)/all])", "bad-index"),
        ("$(avp(x)[append])", "bad-index"),
        ("$(ru{uri})", "bad-transformation"),
        ("$(ru{uri.usr})", "unknown-transformation"),
        ("$(ru{s.len,1})", "transformation-arguments"),
        ("$(ru{s.sha1})", "missing-transformation"),
        ("$(<other>ru)", "bad-context"),
        ("$(avp(x)[0]x)", "bad-variable"),
        ("$()", "bad-variable"),
        ("$identity", "missing-variable"),
        ("$ru?", "bad-variable"),
    ])
    func refused(_ text: String, _ code: String) {
        #expect(errors(analyse(statements: "$var(a) = \(text);")).first == code)
        // The same inside a string, where the form can be told from text.
        if !["$ru?", "$var"].contains(text) {
            #expect(errors(analyse(statements: "xlog(\"x \(text) y\");")).first == code)
            // A string of an expression is taken as it is.
            #expect(errors(analyse(statements: "$var(a) = \"x \(text) y\";")).isEmpty)
        }
    }

    @Test func locationsInsideStringsSurviveEscapes() {
        let analysis = analyse("route { xlog(\"\\t\\x41 $nope\"); }")
        #expect(codes(analysis) == ["error unknown-variable 1:22"])
    }

    @Test(arguments: [
        ("$var(a) = $Ts{s.len};", "ignored-suffix"),
        ("xlog(\"$ru{uri.user}\");", "ignored-suffix"),
        ("xlog(\"5$\");", "lone-dollar"),
        ("if ($ru =~ \"^$rU\") exit;", "literal-pattern"),
        ("route(sub, \"x$var(n)\");", "literal-argument"),
        ("if ($ru || $rd && $rU) exit;", "mixed-logic"),
        ("$var(a) = 2 + 3 * 4;", "mixed-arithmetic"),
        ("$var(a) = 2147483647 + 1;", "number-overflow"),
        ("$var(a) = 2147483648;", "number-overflow"),
        ("$var(a) = 99999999999999999999;", "number-overflow"),
        ("$var(a) = 5 / 0;", "divide-by-zero"),
        ("$var(a) = \"a\" + 5;", "mixed-operands"),
        ("$var(a) = 5 + \"a\";", "mixed-operands"),
        ("if ($var(a) = 5) exit;", "assignment-condition"),
        ("if ($var(a)) ;", "empty-body"),
        ("exit; xlog(\"x\");", "unreachable"),
        ("return(0);", "return-zero"),
        ("switch ($rU) { case \"a\": break; case \"A\": break; }", "duplicate-case"),
        ("switch ($rU) { case \"$fU\": break; }", "case-variable"),
        ("switch ($rU) { case \"x$(fU)\": break; }", "case-variable"),
        ("$var(a) += NULL;", "null-arithmetic"),
        ("if ($ru) exit; #!define X 1", "kamailio-directive"),
    ])
    func surprises(_ text: String, _ code: String) {
        let analysis = analyse(statements: text)
        #expect(warnings(analysis) == [code])
        #expect(errors(analysis).isEmpty)
    }

    @Test(arguments: [
        "if ($ru =~ \"^[0-9]+$\") exit;", "matches(\"^[0-9]+$\");", "$var(a) = 3 * 4 + 2;", "$var(a) = -2147483648;",
        "if ($ru && $rd && $rU) exit;", "if (($ru || $rd) && $rU) exit;", "if ($ru) exit; xlog(\"x\");",
        "$var(a) = 0x80000000;", "async(usleep(5), sub); exit;", "switch ($ru) { case 1: exit; break; }",
        "xlog(\"{$ru} [$rd]\");",
        "$var(a) = \"5$$\";",
    ])
    func noSurprise(_ text: String) {
        #expect(analyse(statements: text).diagnostics.isEmpty)
    }
}
