import Modules
import Testing

@testable import RouteLanguage

/// What `sipray check` says of scripts that name the real modules: words of arguments, habits of older versions, modules
/// that are missing.
@Suite struct CheckedScriptTests {
    private static let loaded = [
        "proto_udp", "signaling", "sl", "tm", "rr", "sipmsgops", "textops", "usrloc", "registrar", "acc", "cfgutils",
    ]

    private static func analyse(head: String = "", _ statements: String) -> ScriptAnalysis {
        let modules = loaded.map { "loadmodule \"\($0).so\"\n" }.joined()
        return ScriptAnalysis.analyse(
            path: "t.cfg", catalogue: ModuleLibrary.catalogue,
            reader: .table(["t.cfg": modules + head + "\nroute { \(statements)\n}\n"]))
    }

    /// What a hint tells to write is there, unless it says that it is not.
    @Test func hintsNameWhatThereIs() {
        let known = Self.loaded + ["uac", "uac_auth", "rest_client", "exec", "dialog", "topology_hiding"]
        let modules = known.map { "loadmodule \"\($0).so\"\n" }.joined()
        for (word, hint) in OldHabits.functions where !hint.contains("does not have") {
            for code in hint.split(separator: "`").enumerated().filter({ $0.offset % 2 == 1 }).map(\.element) {
                guard let call = code.firstMatch(of: /^([a-z_]+)\(/)?.1, call != "if", call != "route" else { continue }
                let analysis = ScriptAnalysis.analyse(
                    path: "t.cfg", catalogue: ModuleLibrary.catalogue,
                    reader: .table(["t.cfg": modules + "route { \(call)(); }\n"]))
                #expect(!analysis.diagnostics.contains { $0.code == "unknown-function" }, "\(word): \(hint)")
            }
        }
    }

    @Test(arguments: [
        ("t_relay(\"udp:10.0.0.1\");", "unknown-word", "t_relay(, \"udp:10.0.0.1:5060\")"),
        ("t_relay(\"no-dns-failovr\");", "unknown-word", "no-dns-failover"),
        ("lookup(\"location\", \"x\");", "unknown-word", "method-filtering"),
        ("save(\"location\", \"max-contact=1\");", "unknown-word", "max-contacts"),
        ("do_accounting(\"paper\");", "unknown-word", "log"),
        ("do_accounting(\"db|log\", \"missed\");", "missing-word", "database"),
        ("do_accounting(\"log\", \"cdr\");", "word-needs-module", "loadmodule \"dialog.so\""),
        ("t_inject_branches(\"event\");", "missing-word", "event_routing"),
        ("t_inject_branches(\"msg\", \"everything\");", "unknown-word", "`cancel` and `last`"),
        ("xlog(\"$(tm.branch.uri[0/active])\");", "bad-index", "does not have the index suffix `/active`"),
        ("is_direction(\"up\");", "unknown-word", "upstream"),
        ("if (is_method(\"OPTION\")) exit;", "doubtful-word", "options"),
        ("$ru = \"sip:x@$rd\";", "literal-string", "\"sip:x@\" + $rd"),
        ("if ($ru == \"sip:$rU@x\") exit;", "literal-string", "\"sip:\" + $rU + \"@x\""),
        ("if (uri == myself) exit;", "old-condition", "is_myself"),
        ("if (method == \"INVITE\") exit;", "old-condition", "is_method"),
        ("if (has_body(\"application/sdp\")) exit;", "unknown-function", "has_body_part"),
        ("nat_uac_test(1);", "unknown-function", "nathelper"),
        ("$rtp_relay = 1;", "unknown-variable", "rtp_relay"),
        ("setsflag(1);", "unknown-function", "setflag"),
        ("sl_send_reply(\"404\", \"Not Found\");", "argument-type", "quotes"),
        ("if ($rU =~ \"^(\") exit;", "bad-pattern", "`^(` is not a regular expression: Unmatched ("),
        ("subst(\"no slashes\");", "bad-substitution", "/pattern/replacement/flags"),
        ("subst(\"nonsense\");", "bad-substitution", "i, g and s"),
        ("subst(\"/a/b/x\");", "bad-substitution", "i, g and s"),
        ("subst(\"/(a/b/\");", "bad-pattern", "Unmatched ("),
        ("xlog(\"$(ru{re.subst,/[a/b/})\");", "bad-pattern", "Unmatched ["),
        ("xlog(\"$(ru{re.subst,/a/b})\");", "bad-substitution", "/pattern/replacement/flags"),
        ("$ru = $(ru{re.subst,});", "bad-substitution", "/pattern/replacement/flags"),
        ("remove_hf_re(\"[a\");", "bad-pattern", "Unmatched ["),
    ])
    func said(statement: String, code: String, words: String) throws {
        let analysis = Self.analyse(statement)
        let diagnostic = try #require(analysis.diagnostics.first)
        #expect(diagnostic.code == code, "\(analysis.render())")
        #expect(analysis.render().contains(words), "\(analysis.render())")
    }

    @Test(arguments: [
        ("loadmodule \"nathelper.so\"", "missing-module", "force_rport"),
        ("loadmodule \"proto_tls.so\"", "missing-module", "UDP and TCP only"),
        ("loadmodule \"nope.so\"", "unknown-module", "it has acc"),
        ("modparam(\"rr\", \"enable_full_lr\", 1)", "unknown-modparam", "leave it out"),
        ("modparam(\"acc\", \"log_flag\", 1)", "unknown-modparam", "do_accounting"),
        ("modparam(\"usrloc\", \"working_mode_preset\", \"sql-only\")", "unknown-word", "memory only"),
        ("modparam(\"nathelper\", \"x\", 1)", "modparam-module", "does not have module `nathelper` yet"),
        ("socket = udp:", "socket-address", "127.0.0.1:5060"),
    ])
    func saidOutsideRoutes(head: String, code: String, words: String) throws {
        let analysis = Self.analyse(head: head, "exit;")
        let diagnostic = try #require(analysis.diagnostics.first)
        #expect(diagnostic.code == code, "\(analysis.render())")
        #expect(analysis.render().contains(words), "\(analysis.render())")
    }

    @Test(arguments: [
        "t_relay(0x05); t_relay(\"0x01\"); t_relay(\"no-auto-477, no-dns-failover\");",
        "lookup(\"location\", \"m\"); lookup(\"location\", \"u/phone/i\"); lookup(\"location\", \"branch\");",
        "save(\"location\", \"c5f\"); save(\"location\", \"p1v\"); save(\"location\", \"M<rinstance>r\");",
        "save(\"location\", \"matching-mode=<rinstance>, max-contacts=5\");",
        "subst('/^(.*)$/\\1/g'); subst_uri('/^sip:(.*)$/sip:\\1/');",
        "if (is_method(\"INVITE|ACK|X-PRIVATE\")) exit;",
        "t_inject_branches(\"msg\", \"cancel,l\"); t_inject_branches(\"msg\", \"c\");",
        "$var(f) = \"Hello, $var(x)!\"; xlog(\"$(var(f){s.eval})\");",
        "$var(price) = \"5$\"; $var(re) = \"^[0-9]+$\";",
    ])
    func nothingIsSaid(statements: String) {
        #expect(Self.analyse(statements).diagnostics.isEmpty, "\(Self.analyse(statements).render())")
    }
}
