import RouteLanguage
import Testing

/// Diagnostics as a person sees them, letter by letter.
@Suite struct DiagnosticRenderingTests {
    private func report(_ text: String) -> String { analyse(text).render() }

    @Test func everythingInOneRun() {
        let text = """
            listen=udp:127.0.0.1:5060
            loadmodule "signalling.so"
            loadmodule "tm.so"
            modparam("tm", "fr_timer", 5)
            route {
            \tif (is_metod("INVITE")) {
            \t\tsend_reply(200, "OK");
            \t\texit
            \t}
            \t$rs = 200;
            \tt_relay("a", "b");
            \tt_on_failure("missed_cal");
            }
            failure_route[missed_call] { exit; }
            """
        #expect(
            report(text) == """
                t.cfg:1:1: error: unknown global parameter `listen`
                    1 | listen=udp:127.0.0.1:5060
                      | ^~~~~~
                     hint: write `socket = udp:127.0.0.1:5060` (`listen` is gone since OpenSIPS 3)

                t.cfg:2:12: error: SIPRay has no module `signalling`
                    2 | loadmodule "signalling.so"
                      |            ^~~~~~~~~~~~~~~
                     hint: did you mean `signaling`? it has acc, cfgutils, maxfwd, mi_fifo, proto_udp, registrar, rr, signaling, sipmsgops, sl, tm, usrloc

                t.cfg:4:16: error: module `tm` has no parameter `fr_timer`
                    4 | modparam("tm", "fr_timer", 5)
                      |                ^~~~~~~~~~
                     hint: it is `fr_timeout`, in seconds

                t.cfg:6:6: error: unknown function `is_metod`
                    6 | \tif (is_metod("INVITE")) {
                      | \t    ^~~~~~~~
                     hint: did you mean `is_method` of module sipmsgops? It needs `loadmodule "sipmsgops.so"`

                t.cfg:7:3: error: unknown function `send_reply`
                    7 | \t\tsend_reply(200, "OK");
                      | \t\t^~~~~~~~~~
                     hint: maybe a loadmodule is missing: `loadmodule "signaling.so"`

                t.cfg:8:7: error: expected `;` after `exit`, found `}`
                    8 | \t\texit
                      | \t\t    ^

                t.cfg:10:2: error: `$rs` is read-only
                   10 | \t$rs = 200;
                      | \t^~~

                t.cfg:11:2: error: too many arguments for `t_relay`: it takes at most 1
                   11 | \tt_relay("a", "b");
                      | \t^~~~~~~~~~~~~~~~~
                     hint: it is `t_relay([flags])`

                t.cfg:12:15: error: there is no `failure_route[missed_cal]`
                   12 | \tt_on_failure("missed_cal");
                      | \t             ^~~~~~~~~~~~
                     hint: did you mean `missed_call`?

                bad config file (9 errors)
                """)
    }

    @Test(arguments: [
        (
            "route { exit; }\nroute { drop; }",
            """
            t.cfg:2:1: error: `route` is defined twice
                2 | route { drop; }
                  | ^~~~~
                 note: t.cfg:1:1: the first is here
                1 | route { exit; }
                  | ^~~~~

            bad config file (1 error)
            """
        ),
        (
            "route {\n  if ($ru) {\n    exit;\n}\nroute[a] { exit; }",
            """
            t.cfg:4:2: error: expected `}`, found `route`
                4 | }
                  |  ^
                 hint: a block that was opened before is not closed
                 note: t.cfg:1:7: the block was opened here
                1 | route {
                  |       ^

            bad config file (1 error)
            """
        ),
        (
            "route { if ($ru || $rd && $rU) exit; }",
            """
            t.cfg:1:13: warning: AND and OR have the same precedence here: this is read from left to right
                1 | route { if ($ru || $rd && $rU) exit; }
                  |             ^~~~~~~~~~~~~~~~~
                 hint: write parentheses to say what is meant

            t.cfg: ok (1 warning)
            """
        ),
        (
            "route { /* é */ xlog(\"é $nope\"); }",
            """
            t.cfg:1:27: error: unknown variable `$nope`
                1 | route { /* é */ xlog("é $nope"); }
                  |                         ^~~~~
                 hint: maybe a loadmodule is missing

            bad config file (1 error)
            """
        ),
        (
            "route { $nope\u{1B}[31m; }",
            """
            t.cfg:1:9: error: unexpected `\u{1B}[31m` after a variable
            """
        ),
        ("route { exit; }", "t.cfg: ok"),
    ])
    func single(_ text: String, _ expected: String) {
        let rendered = report(text)
        if text.contains("\u{1B}") {
            // A script cannot send escape sequences to the terminal.
            #expect(!rendered.contains("\u{1B}"))
        } else {
            #expect(rendered == expected)
        }
    }

    @Test func colourIsOptional() {
        let analysis = analyse("route { nope(); }")
        let coloured = analysis.render(colour: true)
        #expect(coloured.contains("\u{1B}[1;31merror\u{1B}[0m"))
        var plain = coloured
        for code in ["\u{1B}[1;31m", "\u{1B}[1m", "\u{1B}[32m", "\u{1B}[0m"] {
            plain = plain.split(separator: code, omittingEmptySubsequences: false).joined()
        }
        #expect(plain == analysis.render())
    }

    @Test func longLinesAreCut() {
        let text =
            "route { " + String(repeating: " ", count: 300) + "nope(); " + String(repeating: "#", count: 300) + "\n}"
        let lines = analyse(text).diagnostics[0].render(source: analyse(text).script.files).split(separator: "\n")
        #expect(lines.allSatisfy { $0.count < 180 })
        let excerpt = Array(lines[1])
        let caret = Array(lines[2])
        #expect(excerpt[caret.firstIndex(of: "^") ?? 0] == "n")
    }
}
