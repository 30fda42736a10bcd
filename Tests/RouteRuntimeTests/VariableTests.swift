import Bytes
import Reactor
import SIPMessage
import Testing

@testable import RouteRuntime

/// Each variable of the core on a sample INVITE, and what can be written.
@Suite struct VariableTests {
    @Test(
        arguments: [
            ("$ru", "sip:bob:secret@biloxi.example.com:5070;transport=udp;x=1?subject=hi"), ("$rU", "bob"),
            ("$rd", "biloxi.example.com"), ("$rp", "5070"), ("$rP", "udp"), ("$ru_q", "<null>"),
            ("$ruri", "sip:bob:secret@biloxi.example.com:5070;transport=udp;x=1?subject=hi"), ("$ruri.user", "bob"),
            ("$ruri.domain", "biloxi.example.com"), ("$(ru{uri.passwd})", "secret"),
            ("$du", "<null>"), ("$duri", "<null>"), ("$dd", "<null>"), ("$dp", "<null>"), ("$dP", "<null>"),
            ("$ou", "sip:bob:secret@biloxi.example.com:5070;transport=udp;x=1?subject=hi"), ("$oU", "bob"),
            ("$od", "biloxi.example.com"), ("$op", "5070"), ("$oP", "udp"),
            ("$ds", "<sip:bob:secret@biloxi.example.com:5070;transport=udp;x=1?subject=hi>"),
            ("$rm", "INVITE"), ("$rs", "<null>"), ("$rr", "<null>"), ("$mi", "7"),
            ("$msg.is_request", "true"), ("$msg.type", "request"), ("$mf", ""), ("$bf", ""),
            ("$ci", "a84b4c76e66710@pc33"), ("$cl", "88"), ("$cs", "314159"), ("$ua", "Softphone 1.0"),
            ("$cT", "application/sdp"), ("$(rb{sdp.line,m})", "m=audio 4000 RTP/AVP 0"),
            ("$(rb(application/sdp){s.len})", "88"), ("$rb(text/plain)", "<null>"),
            ("$fu", "sip:alice@atlanta.example.com"), ("$from", "sip:alice@atlanta.example.com"), ("$fU", "alice"),
            ("$from.user", "alice"), ("$fd", "atlanta.example.com"), ("$from.domain", "atlanta.example.com"),
            ("$fn", "\"Alice L\""), ("$ft", "1928301774"),
            ("$tu", "sip:bob@biloxi.example.com"), ("$tU", "bob"), ("$td", "biloxi.example.com"), ("$tn", "Bob"),
            ("$tt", "<null>"),
            ("$ct", "\"Al\" <sip:alice@pc33.atlanta.example.com>;q=0.7;expires=60"),
            ("$(ct[1])", "<sip:alice@10.0.0.9>"),
            ("$(ct[-1])", "<sip:alice@10.0.0.9>"), ("$(ct[5])", "<null>"),
            ("$ct.fields(uri)", "sip:alice@pc33.atlanta.example.com"), ("$ct.fields(name)", "Al"),
            ("$ct.fields(q)", "0.7"), ("$ct.fields(expires)", "60"), ("$ct.fields(params)", "q=0.7;expires=60"),
            ("$(ct.fields(uri)[1])", "sip:alice@10.0.0.9"), ("$ct.fields(methods)", "<null>"),
            ("$ct.fields(received)", "<null>"),
            ("$ai", "sip:pai@example.com"), ("$pu", "sip:ppi@pref.example.com"), ("$pU", "ppi"),
            ("$pd", "pref.example.com"), ("$pn", "\"Pat\""), ("$re", "sip:rpid@example.com"),
            ("$rt", "sip:refer@example.com"), ("$di", "sip:div@example.com"), ("$dir", "busy"), ("$dip", "off"),
            ("$ar", "atlanta"), ("$au", "alice"), ("$ad", "wonder.com"), ("$aU", "alice@wonder.com"),
            ("$adu", "sip:uri"),
            ("$an", "nnn"), ("$auth.nonce", "nnn"), ("$auth.resp", "rrr"), ("$auth.cnonce", "ccc"),
            ("$auth.opaque", "ooo"), ("$auth.alg", "MD5"), ("$auth.qop", "auth"), ("$auth.nc", "00000001"),
            ("$Au", "alice"), ("$challenge.realm", "<null>"),
            ("$hdr(X-Test)", "one"), ("$hdr(x-test)", "one"), ("$(hdr(X-Test)[1])", "two"),
            ("$(hdr(X-Test)[-1])", "two"),
            ("$(hdr(X-Test)[*])", "one,two"), ("$hdr(None)", "<null>"),
            ("$hdr(m)", "\"Al\" <sip:alice@pc33.atlanta.example.com>;q=0.7;expires=60, <sip:alice@10.0.0.9>"),
            ("$hdrcnt(X-Test)", "2"), ("$hdrcnt(Via)", "2"), ("$hdrcnt(None)", "0"), ("$hdr_name", "Via"),
            ("$(hdr_name[-1])", "Content-Length"), ("$(hdr(Via)[1]{via.host})", "[2001:db8::9]"), ("$path", "<null>"),
            ("$si", "10.1.2.3"), ("$src_ip", "10.1.2.3"), ("$sp", "5099"),
            ("$socket_in", "udp:127.0.0.1:5060"), ("$socket_in(ip)", "127.0.0.1"), ("$socket_in(port)", "5060"),
            ("$socket_in(proto)", "UDP"), ("$socket_in(advertised_ip)", "sip.example.com"),
            ("$socket_in(advertised_port)", "<null>"), ("$socket_in(tag)", "main"), ("$socket_in(anycast)", "0"),
            ("$socket_in(af)", "INET"), ("$socket_out", "udp:127.0.0.1:5060"), ("$socket_out(port)", "5060"),
            ("$route", "route"), ("$route.name", ""), ("$route.type", "route"), ("$rc", "0"), ("$retcode", "0"),
            ("$param(1)", "<null>"), ("$return(0)", "<null>"), ("$cfg_line", "3"), ("$cfg_file", "test.cfg"),
            ("$xlog_level", "2"), ("$log_level", "2"), ("$TS", "0"), ("$argv(none)", "<null>"),
            ("$C(bg)", "\u{1b}[0;34;42m"), ("$C(xx)", "\u{1b}[0;39;49m"), ("$err.class", "<null>"),
            ("$msg.branch.uri", "sip:bob:secret@biloxi.example.com:5070;transport=udp;x=1?subject=hi"),
            ("$msg.branch.last_idx", "0"), ("$branch(uri)", "<null>"), ("$branch", "<null>"),
            ("$(<request>rm)", "INVITE"), ("$(<reply>rs)", "<null>"), ("$$", "$"), ("$pp", "0"),
        ])
    func reading(_ variable: String, _ expected: String) throws {
        #expect(try ScriptHarness.print(variable) == expected, "\(variable)")
    }

    @Test(
        arguments: [
            ("$ru = \"sip:x@y\";", "$ru|$rU|$rd|$rp", "sip:x@y|x|y|5060"),
            ("$ru = \"sip:x@y\"; $ru = NULL;", "$rU", "bob"),
            ("$ru = \"nonsense\";", "$rU|$rc", "bob|0"),
            ("$rU = \"carol\";", "$ru", "sip:carol:secret@biloxi.example.com:5070;transport=udp;x=1?subject=hi"),
            ("$rU = NULL;", "$ru", "sip:biloxi.example.com:5070;transport=udp;x=1?subject=hi"),
            ("$rd = \"other.com\";", "$ru", "sip:bob:secret@other.com:5070;transport=udp;x=1?subject=hi"),
            ("$rd = \"2001:db8::1\"; $rp = 99;", "$ru", "sip:bob:secret@[2001:db8::1]:99;transport=udp;x=1?subject=hi"),
            ("$rp = NULL;", "$ru", "sip:bob:secret@biloxi.example.com;transport=udp;x=1?subject=hi"),
            (
                "$du = \"sip:10.0.0.1:7000;transport=tcp\";", "$du|$dd|$dp|$dP",
                "sip:10.0.0.1:7000;transport=tcp|10.0.0.1|7000|tcp"
            ),
            ("$du = \"sip:10.0.0.1\"; $dd = \"h\"; $dp = 9;", "$du", "sip:h:9"),
            ("$du = \"sip:10.0.0.1\"; $du = NULL;", "$du", "<null>"),
            (
                "$ru_q = 500;", "$ru_q|$ds",
                "500|<sip:bob:secret@biloxi.example.com:5070;transport=udp;x=1?subject=hi>;q=0.5"
            ),
            (
                "$branch = \"sip:b1@h\"; $branch = \"sip:b2@h\";",
                "$(branch(uri)[0]) $(branch(uri)[-1]) $(branch(uri)[*])", "sip:b1@h sip:b2@h sip:b1@h,sip:b2@h"
            ),
            (
                "$branch = \"sip:b1@h\"; $(branch(q)[0]) = 1000; $branch(duri) = \"sip:d\"; $branch(path) = \"<sip:p>\";",
                "$branch(q) $branch(duri) $branch(path)", "1000 sip:d <sip:p>"
            ),
            (
                "$msg.branch = \"sip:b1@h\"; $(msg.branch.uri[0]) = \"sip:own@h\";",
                "$ru $msg.branch.uri $(msg.branch.uri[*]) $msg.branch.last_idx",
                "sip:own@h sip:b1@h sip:own@h,sip:b1@h 1"
            ),
            (
                "$msg.branch = \"sip:b1@h\"; $msg.branch.flag(pstn) = 1; $msg.branch.flag(foo) = 1;",
                "$msg.branch.flags $msg.branch.flag(pstn) $(msg.branch.flag(pstn)[0])", "pstn,foo true false"
            ),
            (
                "$msg.branch = \"sip:b1@h\"; $msg.branch.flags = \"a, b\"; $(msg.branch.flags[0]) = \"c\";",
                "$msg.branch.flags $msg.branch.flag(a) $(msg.branch.flags[0])", "a,b true c"
            ),
            (
                "$msg.branch.attr(name) = \"one\"; $msg.branch.attr(num) = 5;",
                "$msg.branch.attr(name) $msg.branch.attr(num) $msg.branch.attr(none)", "one 5 <null>"
            ),
            ("setflag(\"X\"); setflag(\"Y\"); resetflag(\"Y\");", "$mf $msg.flag(X) $msg.flag(Y)", "X true false"),
            ("$msg.flag(A) = 1; $msg.flag(B) = on; $msg.flag(A) = off;", "$mf", "B"),
            (
                "setbflag(\"X\"); $branch.flag(Y) = 1;", "$bf|$branch.flag(X)|$branch.flag(Y)|$branch.flag(Z)",
                "Y X|true|true|false"
            ),
            ("$socket_out = \"udp:11.11.11.11:5060\";", "$socket_out", "udp:127.0.0.1:5060"),
            ("$socket_out = \"udp:10.0.0.7:5080\";", "$socket_out(port) $socket_in(port)", "5080 5060"),
            ("$socket_out = \"udp:10.0.0.7:5080\";", "$socket_out(forced)", "udp:10.0.0.7:5080"),
            ("$socket_out = NULL;", "$socket_out(forced) $socket_in(forced)", "<null> <null>"),
            ("$socket_out = \"udp:10.0.0.7:5080\"; $socket_out = NULL;", "$socket_out(port)", "5060"),
        ])
    func writing(_ statements: String, _ format: String, _ expected: String) throws {
        var host = CoreHost()
        host.socket = { text in
            text == "udp:10.0.0.7:5080"
                ? ScriptSocket(id: 1, transport: "udp", address: "10.0.0.7", port: 5080) : nil
        }
        let harness = try ScriptHarness("\(statements)\nnote(\"\(format)\");", host: host)
        try harness.run()
        #expect(harness.notes == [expected])
    }

    @Test func lengthIsThatOfTheMessage() throws {
        let context = Sample.context()
        let notes = try ScriptHarness.notes("note(\"$ml\"); note(\"$(mb{s.len})\");", on: context)
        #expect(notes == ["\(context.message.wholeText.count)", "\(context.message.wholeText.count)"])
    }

    @Test func flagsAreBounded() throws {
        let flags = FlagNames()
        for number in 0..<FlagNames.countMax {
            #expect(flags.bit(ByteString("f\(number)"), of: .message) == number)
        }
        #expect(flags.bit("another", of: .message) == nil)
        #expect(flags.bit("another", of: .branch) == 0)
        #expect(flags.bit("f3", of: .message) == 3)
    }

    @Test func branchesAreBounded() throws {
        let harness = try ScriptHarness("while (append_branch()) { $var(i) = 1; } note(\"$msg.branch.last_idx\");")
        try harness.run()
        #expect(harness.notes == ["\(ScriptBranch.countMax - 1)"])
    }

    @Test func repliesHaveStatusAndRequest() throws {
        let harness = try ScriptHarness(
            """
            route { exit; }
            onreply_route[r] {
                note("$rs $rr $rm $tt $msg.type $ru");
                note("$(<request>rU) $(<reply>rs)");
                if ($rs == 180 && $rs == "180") note("both");
            }
            """)
        let context = Sample.context(Sample.reply)
        context.request = Sample.context()
        try harness.run(.onreply, "r", on: context)
        #expect(harness.notes == ["180 Ringing INVITE tt reply <null>", "bob 180", "both"])
    }

    @Test func failureRoutesSeeTheReply() throws {
        let harness = try ScriptHarness(
            "route { exit; }\nfailure_route[f] { note(\"$rm $(<reply>rs) $(<reply>tt) $rs\"); }")
        let context = Sample.context()
        context.reply = try Sample.message(Sample.reply)
        try harness.run(.failure, "f", on: context)
        #expect(harness.notes == ["INVITE 180 tt <null>"])
    }

    @Test func eventRoutesHaveParameters() throws {
        let harness = try ScriptHarness(
            "route { exit; }\nevent_route[E_TEST] { note(\"$param(ip) $param(2) $param(9)\"); }")
        let context = Sample.context()
        context.eventParameters = [("ip", .string("1.2.3.4")), ("port", .integer(7))]
        try harness.run(.event, "E_TEST", on: context)
        #expect(harness.notes == ["1.2.3.4 7 <null>"])
    }

    @Test func routeStack() throws {
        let harness = try ScriptHarness(
            """
            route { route(A); }
            route[A] { route(B); }
            route[B] {
                note("$route|$(route[1])|$(route[2])|$(route[-1])|$(route[-2])|$(route[3])|$(route[*])");
                note("$route.name $(route.name[1]) $(route.type[-1])");
            }
            """)
        try harness.run()
        #expect(
            harness.notes == [
                "route[B]|route[A]|route|route|route[A]|<null>|route > route[A] > route[B]", "B A route",
            ])
    }

    @Test func multipartBodies() throws {
        let body = """
            --b1
            Content-Type: application/sdp

            v=0
            --b1
            Content-Type: application/isup;version=x

            isup
            --b1--

            """
        let count = body.replacing("\n", with: "\r\n").utf8.count
        let text = """
            INVITE sip:bob@h SIP/2.0
            Via: SIP/2.0/UDP h;branch=z9hG4bK776asdhds
            From: <sip:a@h>;tag=1
            To: <sip:b@h>
            Call-ID: c
            CSeq: 1 INVITE
            Content-Type: multipart/mixed;boundary=b1
            Content-Length: \(count)


            """ + body
        let notes = try ScriptHarness.notes(
            "note(\"$(rb[0])\"); note(\"$rb(application/isup)\"); note(\"$(cT[1])\"); note(\"$(cT[-2])\"); note(\"$(rb[2])\");",
            on: Sample.context(text))
        #expect(notes == ["v=0", "isup", "application/isup;version=x", "application/sdp", "<null>"])
    }

    @Test func times() throws {
        let notes = try ScriptHarness.notes(
            "$var(a) = $Ts; if ($var(a) > 1700000000 && $Tsm < 1000000) note(\"now\"); note(\"$time(%Y)\");"
                + "get_timestamp($var(s), $avp(u)); if ($var(s) >= $var(a)) note(\"later\");")
        #expect(notes.count == 3 && notes[0] == "now" && notes[1].count == 4 && notes[2] == "later")
    }
}
