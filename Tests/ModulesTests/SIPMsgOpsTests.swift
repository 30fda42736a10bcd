import Bytes
import Foundation
import RouteRuntime
import Testing

@testable import Modules

@Suite("sipmsgops")
struct SIPMsgOpsTests {
    /// Condition on the sample INVITE, whether it holds.
    static let conditions: [(String, Bool)] = [
        ("is_method(\"INVITE\")", true), ("is_method(\"BYE|invite|ACK\")", true), ("is_method(\"INVITES\")", false),
        ("is_method(\"\")", false), ("has_totag()", false), ("is_present_hf(\"f\")", true),
        ("is_present_hf(\"x-one\")", true), ("is_present_hf(\"X-Three\")", false),
        ("list_hdr_has_option(\"Supported\", \"100REL\")", true),
        ("list_hdr_has_option(\"Supported\", \"rel\")", false),
        ("list_hdr_has_option(\"Require\", \"path\")", false), ("is_privacy(\"id\")", false),
        ("has_body_part()", true), ("has_body_part(\"application/sdp\")", true),
        ("has_body_part(\"text/plain\")", false),
        ("codec_exists(\"PCMU\")", true), ("codec_exists(\"pcma\", \"8000\")", true), ("codec_exists(\"opus\")", false),
        ("codec_exists_re(\"PCM.\")", true), ("stream_exists(\"audio\")", true),
        ("stream_exists(\"audio\", \"SAVP\")", false),
        ("is_audio_on_hold()", false), ("sipmsg_validate()", true), ("sipmsg_validate(\"shrft\")", true),
        ("is_uri_user_e164(\"sip:+4930123@x\")", true), ("is_uri_user_e164(\"sip:4930123@x\")", false),
        ("remove_hf(\"X-Nine\")", false), ("remove_hf(\"X-One\")", true), ("remove_hf_glob(\"x-*\")", true),
        ("remove_hf_re(\"^X-.*o$\")", true), ("ruri_has_param(\"user\", \"phone\")", false), ("ruri_tel2sip()", true),
    ]

    @Test(arguments: conditions)
    func condition(text: String, holds: Bool) throws {
        let notes = try ModuleHarness.notes("if (\(text)) note(\"yes\"); else note(\"no\");")
        #expect(notes == [holds ? "yes" : "no"])
    }

    /// Statement, what the message has afterwards, what it has no more.
    static let edits: [(String, [String], [String])] = [
        ("append_hf(\"X-Way: out\\r\\n\");", ["Content-Length: 61\r\nX-Way: out\r\n\r\nv=0"], []),
        ("append_hf(\"X-Way: $fU\");", ["\r\nX-Way: alice\r\n\r\nv=0"], []),
        ("append_hf(\"A: 1\\r\\n\", \"Call-ID\");", ["Call-ID: call-1\r\nA: 1\r\nCSeq"], []),
        ("insert_hf(\"A: 1\\r\\n\");", ["SIP/2.0\r\nA: 1\r\nVia"], []),
        ("insert_hf(\"A: 1\\r\\n\", \"CSeq\");", ["call-1\r\nA: 1\r\nCSeq"], []),
        ("append_urihf(\"CC: <\", \">\\r\\n\");", ["\r\nCC: <sip:bob@example.net>\r\n"], []),
        ("remove_hf(\"X-One\");", ["X-Two"], ["X-One"]),
        ("remove_hf_glob(\"X-*\");", [], ["X-One", "X-Two"]),
        ("list_hdr_remove_option(\"Supported\", \"path\");", ["Supported: 100rel\r\n"], ["path"]),
        (
            "list_hdr_remove_option(\"Supported\", \"path\"); list_hdr_remove_option(\"Supported\", \"100rel\");", [],
            ["Supported"]
        ),
        (
            "list_hdr_add_option(\"Supported\", \"timer\"); list_hdr_remove_option(\"Supported\", \"path\");",
            ["Supported: 100rel, timer\r\n"], []
        ),
        ("codec_delete(\"PCMU\");", ["RTP/AVP 8\r\n", "Content-Length: 59\r\n"], ["RTP/AVP 0"]),
        ("codec_move_up(\"PCMA\");", ["RTP/AVP 8 0\r\n", "Content-Length: 61\r\n"], []),
        ("remove_body_part();", ["Content-Length: 0\r\n\r\n"], ["Content-Type", "v=0"]),
        (
            "add_body_part(\"hello\", \"text/plain\");",
            ["Content-Type: multipart/mixed;boundary=", "Content-Type: text/plain\r\n\r\nhello\r\n--"],
            ["Content-Length: 61"]
        ),
        ("ruri_add_param(\"user=phone\");", ["INVITE sip:bob@example.net;user=phone SIP/2.0"], []),
        (
            "$ru = \"sip:bob@example.net;a=1;b\"; ruri_del_param(\"a\");", ["INVITE sip:bob@example.net;b SIP/2.0"], []
        ),
        ("$ru = \"tel:+49-30\"; ruri_tel2sip();", ["INVITE sip:+4930@example.net;user=phone SIP/2.0"], []),
    ]

    @Test(arguments: edits)
    func edit(script: String, present: [String], absent: [String]) throws {
        let text = try ModuleHarness.sent(script)
        for part in present { #expect(text.contains(part), "\(text)") }
        for part in absent { #expect(!text.contains(part), "\(text)") }
    }

    @Test func laterCallsSeeTheChangedBody() throws {
        let notes = try ModuleHarness.notes(
            """
            add_body_part("hello", "text/plain");
            codec_delete("PCMU");
            if (!codec_exists("PCMU")) note("gone");
            if (codec_exists("PCMA")) note("kept");
            remove_body_part("application/sdp");
            if (has_body_part("text/plain")) note("text");
            if (!has_body_part("application/sdp")) note("no sdp");
            get_updated_body_part("text/plain", $var(b));
            note("$var(b)");
            """)
        #expect(notes == ["gone", "kept", "text", "no sdp", "hello"])
    }

    @Test func repliesCarryWhatTheScriptAdded() throws {
        let harness = try ModuleHarness(
            """
            append_to_reply("X-A: 1\\r\\n");
            append_to_reply("X-B: 2");
            append_time();
            append_body_to_reply("text");
            send_reply(404, "Nobody");
            """)
        harness.recorder.now = 784_111_777
        try harness.run(ModuleHarness.sample())
        let reply = harness.recorder.replies.first
        #expect(reply?.status == 404)
        #expect(reply?.lines == ("X-A: 1\r\nX-B: 2\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n" as ByteString))
        #expect(reply?.body == ("text" as ByteString))
    }

    @Test func repliesChangeTheirStatus() throws {
        let reply = """
            SIP/2.0 603 Decline
            Via: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bK1
            From: <sip:a@x>;tag=1
            To: <sip:b@x>;tag=2
            Call-ID: c
            CSeq: 1 INVITE
            Content-Length: 0


            """
        let harness = try ModuleHarness(
            """
            route { exit; }
            onreply_route[r] {
                if (is_method("INVITE")) change_reply_status(404, "Not Found");
                if (!change_reply_status(180, "Ringing")) note("final stays final");
            }
            """)
        let context = ModuleHarness.sample(reply)
        try harness.run(context, .onreply, "r")
        #expect(ModuleHarness.sent(context).hasPrefix("SIP/2.0 404 Not Found\r\n"))
        #expect(harness.notes == ["final stays final"])
    }

    @Test func headersByGlobAndAsJSON() throws {
        let notes = try ModuleHarness.notes(
            """
            get_glob_headers_values("X-*", $avp(n), $avp(v));
            note("$(avp(n)[0])=$(avp(v)[0]) $(avp(n)[1])=$(avp(v)[1])");
            sip_to_json($var(j));
            note("$var(j)");
            """)
        #expect(notes.first == "X-One=1 X-Two=2")
        let json = try JSONSerialization.jsonObject(with: Data((notes.last ?? "").utf8)) as? [String: Any]
        #expect(json?["first_line"] as? String == "INVITE sip:bob@example.net SIP/2.0")
        #expect((json?["headers"] as? [String: Any])?["Call-ID"] as? String == "call-1")
        #expect((json?["body"] as? String)?.hasPrefix("v=0\r\n") == true)
    }

    /// Change of the sample INVITE, flags, code.
    static let faults: [(String, String, String, Int)] = [
        ("Call-ID: call-1\n", "", "", -3), ("CSeq: 1 INVITE\n", "", "", -7),
        ("Max-Forwards: 70\n", "", "", -13), ("Max-Forwards: 70\n", "", "m", 1),
        ("Contact: <sip:alice@10.1.2.3:5099>\n", "", "", -14), ("Content-Type: application/sdp\n", "", "", -21),
        ("v=0", "x-0", "s", -6), ("sip:bob@example.net SIP", "sip:bob@-example SIP", "r", -12),
        ("<sip:alice@10.1.2.3:5099>", "<sip:", "c", -26), ("<sip:alice@10.1.2.3:5099>", "*", "c", -30),
        ("CSeq: 1 INVITE", "CSeq: 1 INVITE\nPath: <sip:p;lr>", "", -15),
        ("sip:bob@example.net SIP", "sip:b^b@example.net SIP", "r", -27),
        ("sip:bob@example.net SIP", "sip:*21%23;a=b@example.net SIP", "r", 1),
        ("sip:bob@example.net SIP", "sip:b^b@example.net SIP", "m", 1),
        ("sip:alice@example.net", "sip:al{ce@example.net", "f", -28),
        ("sip:alice@example.net", "sip:al{ce@example.net", "t", 1),
        ("<sip:bob@example.net>", "<sip:b#b@example.net>", "t", -29),
        ("<sip:bob@example.net>", "<sip:b#b@example.net>", "f", 1),
        ("To: ", "Too: ", "", -9), ("From: ", "Fromm: ", "", -8), ("Via: ", "Viaa: ", "", -10),
        ("<sip:bob@example.net>", "<sip:", "t", -22), ("<sip:bob@example.net>", "<sip:bob@-x>", "t", -23),
        ("<sip:alice@example.net>", "<sip:", "f", -24), ("<sip:alice@example.net>", "<sip:alice@-x>", "f", -25),
        ("sip:bob@example.net SIP", "sip: SIP", "r", -11), ("CSeq: 1 INVITE", "CSeq: x INVITE", "h", -2),
    ]

    @Test(arguments: faults)
    func validation(text: String, instead: String, flags: String, code: Int) throws {
        let context = ModuleHarness.sample(ModuleHarness.invite.replacing(text, with: instead))
        let notes = try ModuleHarness.notes(
            "sipmsg_validate(\"\(flags)\", $var(why)); note(\"$rc $var(why)\");", on: context)
        #expect(notes.first?.hasPrefix("\(code) ") == true, "\(notes)")
        #expect(notes.first?.hasSuffix("<null>") == (code == 1))
    }
}

@Suite("textops")
struct TextOpsTests {
    static let edits: [(String, [String], [String])] = [
        ("replace(\"alice\", \"carol\");", ["From: \"carol\" <sip:alice@"], []),
        (
            "replace_all(\"alice\", \"carol\");", ["\"carol\" <sip:carol@example.net>", "<sip:carol@10.1.2.3:5099>"],
            ["alice"]
        ),
        ("replace_all(\"10.0.0.1\", \"192.0.2.200\");", ["IP4 192.0.2.200\r\n", "Content-Length: 64"], []),
        ("replace_body(\"audio\", \"video\");", ["m=video 4000", "Content-Length: 61"], []),
        ("search_append(\"^Call-ID: \", \"x-\");", ["Call-ID: x-call-1"], []),
        ("search_append_body(\"m=audio\", \"1\");", ["m=audio1 4000", "Content-Length: 62"], []),
        ("replace_body_all(\"^.=\", \"\");", ["\r\n\r\n0\r\na 1 1 IN"], []),
        ("subst('/^To:(.*)sip:([^@]*)@[a-z.]+/To:\\1sip:\\2@other.org/i');", ["To: <sip:bob@other.org>"], []),
        ("subst('/X-(One|Two): ([0-9])/Y-\\1: \\2\\2/g');", ["Y-One: 11", "Y-Two: 22"], ["X-"]),
        (
            "subst_uri('/^sip:([a-z]+)@(.*)$/sip:34\\1@\\2;orig=\\1/i');",
            ["INVITE sip:34bob@example.net;orig=bob SIP"], []
        ),
        ("$avp(p) = \"77\"; subst_user('/(.*)b$/$avp(p)\\1/');", ["INVITE sip:77bo@example.net SIP"], []),
        ("subst_body(\"/^o=([^ ]*) /o=$fU /\");", ["o=alice 1 1 IN"], []),
    ]

    @Test(arguments: edits)
    func edit(script: String, present: [String], absent: [String]) throws {
        let text = try ModuleHarness.sent(script)
        for part in present { #expect(text.contains(part), "\(text)") }
        for part in absent { #expect(!text.contains(part), "\(text)") }
    }

    static let conditions: [(String, Bool)] = [
        ("search(\"^x-one: 1\")", true), ("search(\"^one\")", false), ("search_body(\"^m=audio\")", true),
        ("search_body(\"INVITE\")", false), ("replace(\"nowhere\", \"x\")", false), ("subst('/nowhere/x/')", false),
        ("subst(\"$rU\")", false), ("subst_uri('/sip:.*/not a uri/')", false), ("search(\"(\")", false),
    ]

    @Test(arguments: conditions.dropLast())
    func condition(text: String, holds: Bool) throws {
        #expect(try ModuleHarness.notes("if (\(text)) note(\"yes\"); else note(\"no\");") == [holds ? "yes" : "no"])
    }

    /// What finds more than it may changes nothing, and says so once.
    @Test(arguments: [
        ("replace_body_all(\"x\", \"yy\");", 4096, true), ("replace_body_all(\"x\", \"yy\");", 4097, false),
        ("replace_all(\"x\", \"yy\");", 4097, false), ("subst_body('/x/yy/g');", 4096, true),
        ("subst_body('/x/yy/g');", 4097, false), ("subst('/x/yy/g');", 4097, false),
        ("replace_body(\"x\", \"yy\");", 5000, true),
    ])
    func findsAreBounded(script: String, count: Int, isChanged: Bool) throws {
        let body = String(repeating: "x", count: count)
        let context = ModuleHarness.sample(
            ModuleHarness.inDialog("MESSAGE", lines: "Content-Type: text/plain").replacing(
                "Content-Length: 0", with: "Content-Length: \(count)") + body)
        let harness = try ModuleHarness(script + " note(\"$rc\");")
        try harness.run(context)
        #expect(harness.notes == [isChanged ? "1" : "-1"])
        let told = harness.recorder.logs.filter { $0.contains("more than 4096 places; none is changed") }
        #expect(told.count == (isChanged ? 0 : 1), "\(harness.recorder.logs)")
        #expect(ModuleHarness.sent(context).contains("yy") == isChanged)
    }

    @Test func badPatternsAreRefusedAtStart() {
        #expect(throws: (any Error).self) { try ModuleHarness("search(\"(\");") }
    }
}

@Suite("maxfwd, options, sl, signaling")
struct SmallModulesTests {
    @Test(arguments: [
        ("Max-Forwards: 70\n", "", "1", "Max-Forwards: 69\r\n"), ("Max-Forwards: 0\n", "", "-1", "Max-Forwards: 0\r\n"),
        ("", "", "2", "Max-Forwards: 10\r\n"), ("Max-Forwards: x\n", "", "-2", "Max-Forwards: x\r\n"),
        ("Max-Forwards: 200\n", "modparam(\"maxfwd\", \"max_limit\", 32)", "1", "Max-Forwards: 32\r\n"),
    ])
    func maxForwards(line: String, head: String, code: String, sent: String) throws {
        let context = ModuleHarness.sample(ModuleHarness.invite.replacing("Max-Forwards: 70\n", with: line))
        let notes = try ModuleHarness.notes("mf_process_maxfwd_header(10); note(\"$rc\");", head: head, on: context)
        #expect(notes == [code])
        #expect(ModuleHarness.sent(context).contains(sent))
    }

    @Test(arguments: [
        ("Max-Forwards: 70\n", "is_maxfwd_lt(71); note(\"$rc\");", ["1"]),
        ("Max-Forwards: 70\n", "mf_process_maxfwd_header(10); is_maxfwd_lt(70); note(\"$rc\");", ["1"]),
        ("Max-Forwards: 70\n", "is_maxfwd_lt(70); note(\"$rc\");", ["-1"]),
        ("", "is_maxfwd_lt(70); note(\"$rc\");", ["-2"]),
        ("", "mf_process_maxfwd_header(10); is_maxfwd_lt(11); note(\"$rc\");", ["1"]),
    ])
    func belowMaxForwards(line: String, script: String, notes: [String]) throws {
        let context = ModuleHarness.sample(ModuleHarness.invite.replacing("Max-Forwards: 70\n", with: line))
        #expect(try ModuleHarness.notes(script, on: context) == notes)
    }

    @Test func optionsAnswersOnlyWithoutUser() throws {
        let harness = try ModuleHarness(
            "if (options_reply()) note(\"yes\"); else note(\"no\");",
            head: "modparam(\"options\", \"support\", \"path\")")
        try harness.run(ModuleHarness.sample(ModuleHarness.inDialog("OPTIONS", uri: "sip:127.0.0.1", lines: "")))
        try harness.run(ModuleHarness.sample(ModuleHarness.inDialog("OPTIONS", uri: "sip:bob@127.0.0.1", lines: "")))
        try harness.run(ModuleHarness.sample())
        #expect(harness.notes == ["yes", "no", "no"])
        #expect(
            harness.recorder.replies.first?.lines
                == ("Accept: */*\r\nAccept-Encoding: \r\nAccept-Language: en\r\nSupported: path\r\n" as ByteString))
    }

    @Test func statefulRepliesComeFirst() throws {
        let harness = try ModuleHarness("send_reply(486, \"Busy\"); sl_send_reply(503, \"\");")
        harness.environment.replies.stateful = { reply, _, _ in reply.status == 486 }
        try harness.run(ModuleHarness.sample())
        #expect(harness.recorder.replies.map(\.status) == [503])
        harness.environment.replies.stateful = { _, _, _ in nil }
        try harness.run(ModuleHarness.sample())
        #expect(harness.recorder.replies.map(\.status) == [503, 486, 503])
    }

    @Test func acksAndBadCodesAreNotAnswered() throws {
        let harness = try ModuleHarness("send_reply(200, \"OK\"); send_reply($var(x), \"OK\");")
        try harness.run(ModuleHarness.sample(ModuleHarness.inDialog("ACK", lines: "")))
        #expect(harness.recorder.replies.isEmpty)
    }
}
