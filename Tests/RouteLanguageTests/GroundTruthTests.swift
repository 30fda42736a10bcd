import RouteLanguage
import Testing

/// What the peer accepts and refuses, row by row of reference/route-script.md §3, §4 and §8.
@Suite struct GroundTruthTests {
    @Test(arguments: [
        ("listen=udp:127.0.0.1:5060\n", "unknown-parameter"),
        ("children=4\n", "unknown-parameter"),
        ("fork=yes\n", "unknown-parameter"),
        ("port=5060\n", "unknown-parameter"),
        ("// c\n", "slash-comment"),
        ("udp_workers=4;\n", "stray-semicolon"),
        ("udp_workers=\"4\"\n", "syntax"),
        ("udp_workers=x\n", "syntax"),
        ("server_header=5\n", "syntax"),
        ("log_levle=3\n", "unknown-parameter"),
        ("route { }\n", "empty-route"),
        ("route { exit; }\nroute { exit; }\n", "duplicate-route"),
        ("route { exit; }\nroute[0] { exit; }\n", "duplicate-route"),
        ("failure_route[a] { exit; }\nfailure_route[a] { exit; }\n", "duplicate-route"),
        ("failure_route { exit; }\n", "route-name"),
        ("error_route[x] { exit; }\n", "route-name"),
        ("timer_route[x] { exit; }\n", "syntax"),
        ("timer_route[x, 0] { exit; }\n", "timer-interval"),
        ("route[tag] { exit; }\n", "reserved-word"),
        ("route[out-gw] { exit; }\n", "route-name"),
        ("loadmodule \"nope.so\"\n", "unknown-module"),
        ("loadmodule \"dialog.so\"\n", "missing-module"),
        ("loadmodule \"registrar.so\"\n", "missing-requirement"),
        ("loadmodule \"tm.so\"\nmodparam(\"tm\", \"nope\", 1)\n", "unknown-modparam"),
        ("loadmodule \"tm.so\"\nmodparam(\"tm\", \"fr_timeout\", \"5\")\n", "modparam-type"),
        ("loadmodule \"usrloc.so\"\nmodparam(\"usrloc\", \"nat_bflag\", 5)\n", "modparam-type"),
        ("modparam(\"tm\", \"fr_timeout\", 5)\nloadmodule \"tm.so\"\n", "modparam-module"),
        ("modparam(\"tm\", \"fr_timeout\", 5)\n", "modparam-module"),
        ("modparam(\"tmm\", \"fr_timeout\", 5)\n", "modparam-module"),
        ("socket=udp:127.0.0.1:5060\n", "no-transport"),
        ("socket=tcp:127.0.0.1:5060\n", "no-transport"),
        ("socket=127.0.0.1:5060\n", "socket-transport"),
        ("socket=upd:127.0.0.1\n", "socket-transport"),
        ("loadmodule \"proto_udp.so\"\nsocket=udp:127.0.0.1:70000\n", "port"),
        ("loadmodule \"proto_udp.so\"\nsocket=udp:127.0.0.1:5060 use_worker 4\n", "socket-option"),
        ("loadmodule \"proto_udp.so\"\nsocket=udp:127.0.0.1 use_auto_scaling_profile P\n", "unknown-profile"),
        ("udp_workers = 4 use_auto_scaling_profile P\n", "unknown-profile"),
        ("auto_scaling_profile = P scale up to 6 at 70%\n", "syntax"),
        ("dst_blacklist = a/wrong\n", "syntax"),
        ("include_file\n", "bad-include"),
        ("include_file \"gone.cfg\"\n", "missing-include"),
        ("import_file 'gone.cfg'\n", "missing-include"),
        ("}\n", "stray-brace"),
        ("xlog(\"x\");\n", "statement-outside-route"),
        ("route { exit;\n", "unclosed-block"),
        ("/* /* */\n", "unterminated-comment"),
        ("db_default_url=\"abc\n", "unterminated-string"),
        ("route { route(nope); }\n", "missing-route"),
        ("open_files_limit = 09\n", "bad-number"),
    ])
    func refusedAtTopLevel(_ text: String, _ code: String) {
        #expect(errors(analyse(text)) == [code])
    }

    @Test(arguments: [
        ("exit", "syntax"),
        ("break;", "stray-break"),
        ("if ($ru) break;", "stray-break"),
        ("else exit;", "stray-else"),
        ("if ($ru) { exit; }; else exit;", "stray-else"),
        ("case 1:", "stray-case"),
        ("// c\n exit;", "slash-comment"),
        ("nope();", "unknown-function"),
        ("seturi();", "argument-count"),
        ("seturi(\"a\",\"b\");", "argument-count"),
        ("t_newtran(1);", "argument-count"),
        ("send_reply(\"200\",\"OK\");", "argument-type"),
        ("seturi(5);", "argument-type"),
        ("output(\"$var(x)\");", "argument-type"),
        ("output(5);", "argument-type"),
        ("output($rs);", "read-only"),
        ("setflag($var(x));", "static-argument"),
        ("setflag(\"a$var(x)\");", "static-argument"),
        ("send_reply(,\"OK\");", "missing-argument"),
        ("optional(1,2,3,4,5,6,7,8,9);", "too-many-arguments"),
        ("cache_fetch(\"a\");", "missing-function"),
        ("t_was_cancelled();", "wrong-route"),
        ("if (!t_check_status(\"4\")) exit;", "wrong-route"),
        ("$rs = 5;", "read-only"),
        ("$(ru{uri.user}) = 5;", "assign-transformation"),
        ("$(<request>ru) = \"x\";", "assign-context"),
        ("$nope = 5;", "unknown-variable"),
        ("t_on_failure(\"nope\");", "missing-route"),
        ("t_on_branch(\"sub\");", "missing-route"),
        ("route(nope);", "missing-route"),
        ("route(sub, 1, 2, 3, 4, 5, 6, 7, 8);", "too-many-arguments"),
        ("async(t_newtran(), sub);", "no-async-form"),
        ("async(usleep(5), nope);", "missing-route"),
        ("async(usleep(5));", "syntax"),
        ("launch(usleep(5), nope);", "missing-route"),
        ("xlog(\"L_INF\", \"x\");", "log-level"),
        ("xlog(L_INFO, \"x\");", "syntax"),
        ("xlog(\"a $nope\");", "unknown-variable"),
        ("for ($ru in $(avp(x)[*])) exit;", "for-iterator"),
        ("for ($var(i) in $avp(x)) exit;", "for-source"),
        ("switch (5) { case 1: break; }", "syntax"),
        ("switch ($ru) { case $rd: break; }", "syntax"),
        ("seturi(sip:x@y);", "syntax"),
        ("udp_workers = 4;", "global-in-route"),
        ("seturi(\"a\" \"b\");", "syntax"),
        ("_x();", "unexpected-character"),
        ("$var(a) = $(var(x;", "unterminated-variable"),
    ])
    func refusedInRoutes(_ text: String, _ code: String) {
        #expect(errors(analyse(statements: text)).first == code)
    }

    @Test(arguments: [
        "{ exit; };", "exit;", "exit();", "drop;", "drop();", ";;; exit;", "if ($ru) { exit; } else { drop; }",
        "if ($ru) exit; else if ($rd) drop; else exit;", "while (1) { if ($ru) { break; } }",
        "route(sub, 1, \"x\", $var(v));", "route(\"sub\");", "optional(\"a\",,\"b\");", "optional(,\"b\");",
        "optional();", "seturi($var(x));", "send_reply($var(c), \"OK\");", "send_reply(200, \"$var(x)\");",
        "output($var(x));", "output($avp(x));", "t_on_failure(\"x$var(n)\");", "route($var(x));",
        "/* /* nested */ */ exit;", "$var(x) = true;", "return;", "return 1;", "return $var(x);",
        "return (2, \"a\", 5);",
        "launch(usleep(5), sub, \"x $ru\");", "$var(l) = L_DBG;", "async(usleep(5), sub, 10);", "{ }",
    ])
    func accepted(_ text: String) {
        #expect(errors(analyse(statements: text)).isEmpty)
    }

    @Test func asyncNeedsAWaitingTransaction() {
        let text =
            "\(preamble)\nroute[r] { exit; }\nonreply_route { async(usleep(5), r); }\nlocal_route { async(usleep(5), r); }\n"
        #expect(errors(analyse(text)) == ["wrong-route"])
        #expect(
            errors(analyse("loadmodule \"cfgutils.so\" route { async(usleep(5), r); } route[r] { exit; }")) == [
                "missing-requirement"
            ])
    }

    @Test func functionsHaveTheirRouteKinds() {
        let text = """
            \(preamble)
            route { exit; }
            local_route { t_relay(); }
            failure_route[f] { t_relay(); }
            startup_route { send_reply(200, "OK"); }
            """
        #expect(codes(analyse(text)) == ["error wrong-route 3:15", "error wrong-route 5:17"])
    }

    @Test func unknownNamesMayBelongToARefusedModule() {
        let analysis = analyse("loadmodule \"zzz.so\"\nroute { qqq_call(); xlog(\"$qqq_value\"); }")
        let hints = analysis.diagnostics.dropFirst().map(\.hint)
        #expect(hints == Array(repeating: "maybe it belongs to `zzz`, which SIPRay does not have", count: 2))
    }

    @Test func hundredRoutesOfAKind() {
        let many = (1...100).map { "branch_route[b\($0)] { exit; }\n" }.joined()
        #expect(errors(analyse(many + "route { exit; }")).isEmpty)
        #expect(errors(analyse(many + "branch_route[b101] { exit; }\nroute { exit; }")) == ["too-many-routes"])
    }

    @Test func modparamTakesAPatternOfModules() {
        let analysis = analyse(
            """
            loadmodule "tm.so"
            loadmodule "sl.so"
            modparam("tm|sl", "enable_stats", 0)
            modparam("^s.$", "text", "a" 'b')
            route { exit; }
            """)
        #expect(analysis.isAccepted)
        let parameters = analysis.script.moduleParameters.map { "\($0.module).\($0.name)=\($0.value)" }
        #expect(
            parameters == [
                "tm.enable_stats=integer(0)", "sl.enable_stats=integer(0)", "sl.text=string([97, 98])",
            ])
    }

    @Test func defaultsOfGlobalParameters() {
        let parameters = analyse("udp_workers=3\nroute { exit; }").script.parameters
        #expect(parameters.integer("udp_workers") == 3)
        #expect(parameters.integer("tcp_workers") == 8)
        #expect(parameters.boolean("dns_try_naptr"))
        #expect(parameters.string("syslog_facility") == "LOG_DAEMON")
        #expect(parameters.integer("advertised_port") == nil)
    }
}
