import Bytes
import RouteRuntime
import SIPMessage
import SIPStack
import SIPTransport
import Testing

@testable import Modules

/// Branches as scripts number and mark them, and what accounting is told of them.
@Suite struct TMBranchTests {
    private func header(_ name: ByteString, _ message: Message) -> String? {
        message.first(named: name).map { message.text($0.value).string }
    }

    private static let forking = """
        route {
            $ru = "sip:a@10.2.2.2:5080";
            append_branch("sip:b@10.3.3.3:5090");
            append_branch("sip:c@10.4.4.4:5100");
            t_on_branch("each");
            t_on_reply("seen");
            t_on_failure("failed");
            t_relay();
        }
        branch_route[each] {
            $bavp(who) = $rU + $T_branch_idx;
            $bavp(gone) = "x";
            $bavp(gone) = NULL;
            append_hf("X-Branch: $T_branch_idx $bavp(who) $bavp(gone)\\r\\n");
            if ($rU == "a" && $hdr(X-What) == "drop") drop;
            if ($rU == "a" && $hdr(X-What) == "lost") $du = "sip:no.such.host";
        }
        onreply_route[seen] {
            append_hf("X-Seen: $T_branch_idx $bavp(who)\\r\\n");
            $bavp(who) = $bavp(who) + "!";
        }
        failure_route[failed] { t_reply(486, "$T_branch_idx $bavp(who)"); }
        """

    /// What the branches say of themselves when the first is kept, dropped by its route, or leads nowhere.
    @Test(arguments: [
        ("keep", ["0 a0 <null>", "1 b1 <null>", "2 c2 <null>"]), ("drop", ["0 b0 <null>", "1 c1 <null>"]),
        ("lost", ["0 b0 <null>", "1 c1 <null>"]),
    ])
    func branchesAreNumberedAsTheyAreInTheTransaction(what: String, expected: [String]) throws {
        let harness = try TMHarness(Self.forking)
        harness.request("INVITE", lines: "X-What: \(what)\r\n")
        let invites = harness.sent.filter { $0.firstLine.hasPrefix("INVITE") }
        #expect(invites.map { header("X-Branch", $0.message) } == expected)
        let indexes = invites.map { $0.message.topVia?.branch.flatMap { BranchID($0) }?.index }
        #expect(indexes == (0..<expected.count).map { UInt8($0) }, "the branch parameter names the same number")
        for (invite, said) in zip(invites, expected) {
            harness.reply(180, to: invite.message, from: invite.to)
            let ringing = try #require(harness.last("SIP/2.0 180"))
            #expect(header("X-Seen", ringing) == said.replacing(" <null>", with: ""))
        }
        for invite in invites { harness.reply(486, to: invite.message, from: invite.to) }
        let answer = try #require(harness.last("SIP/2.0 486"))
        let first = expected[0].replacing(" <null>", with: "")
        #expect(answer.reasonPhrase.string == first + "!!", "the failure route sees the winning branch's")
    }

    /// One attribute too many is refused, with an error in the log; those that are there can still be changed and taken away. The
    /// request route's own, those of a branch route, those of a branch that has left.
    @Test(arguments: ["route", "branch", "reply"])
    func attributesOfABranchAreLimited(place: String) throws {
        let name = place == "route" ? "msg.branch.attr" : "tm.branch.attr"
        let many = (0..<ScriptBranch.attributeCountMax).map { "$\(name)(a\($0)) = \($0);" }.joined(separator: "\n")
        let fill = """
            \(many)
            $\(name)(more) = 1;
            xlog("$\(name)(a0) $\(name)(more)\\n");
            $\(name)(a0) = "new";
            $\(name)(a1) = NULL;
            $\(name)(more) = 2;
            xlog("$\(name)(a0) $\(name)(a1) $\(name)(more)\\n");
            """
        let harness = try TMHarness(
            """
            route { $ru = "sip:a@10.2.2.2:5080"; t_on_branch("each"); t_on_reply("back"); \(place == "route" ? fill : "") t_relay(); }
            branch_route[each] { \(place == "branch" ? fill : "return;") }
            onreply_route[back] { \(place == "reply" ? fill : "return;") }
            """)
        harness.request("INVITE")
        harness.reply(180, to: try #require(harness.last("INVITE")))
        #expect(harness.logs.filter { $0.contains("attributes at most") }.count == 1, "\(harness.logs)")
        #expect(harness.logs.contains { $0.contains("0 <null>") })
        #expect(harness.logs.contains { $0.contains("new <null> 2") })
    }

    private static let accounting = """
        route {
            if (is_method("ACK")) exit;
            $ru = "sip:bob@10.2.2.2:5080";
            do_accounting("log", "missed|failed");
            if ($hdr(X-What) == "none") { t_reply(404, "Nobody"); exit; }
            t_on_failure("next");
            t_relay();
        }
        failure_route[next] {
            if ($hdr(X-What) == "again") do_accounting("log", "missed");
            if ($hdr(X-What) == "answer") { do_accounting("log", "missed"); t_reply(480, "Later"); exit; }
            $ru = "sip:vm@10.3.3.3:5090";
            t_relay();
        }
        """

    /// What the script does, what the second destination answers, the records.
    @Test(arguments: [
        ("once", 200, ["call missed 486", "transaction answered 200"]),
        ("once", 480, ["call missed 486", "transaction answered 480"]),
        ("again", 480, ["call missed 486", "call missed 480", "transaction answered 480"]),
        ("answer", 0, ["call missed 486", "transaction answered 480"]),
        ("none", 0, ["transaction answered 404", "call missed 404"]),
    ])
    func callsAreMissedWhenTheirDestinationsFail(what: String, second: Int, expected: [String]) throws {
        let harness = try TMHarness(Self.accounting, modules: ["acc"])
        harness.request("INVITE", lines: "X-What: \(what)\r\n")
        if let invite = harness.last("INVITE") { harness.reply(486, to: invite) }
        if second > 0 { harness.reply(second, to: try #require(harness.last("INVITE sip:vm")), from: TMHarness.other) }
        #expect(records(harness) == expected)
    }

    private func records(_ harness: TMHarness) -> [String] {
        harness.accounts.compactMap { line in
            guard let kind = line.split(separator: ":").dropFirst().first else { return nil }
            let code = line.split(separator: ";").first { $0.hasPrefix("code=") }?.dropFirst(5) ?? ""
            return "\(kind.dropFirst()) \(code)"
        }
    }

    @Test func aMessageThatTimesOutIsAccounted() throws {
        let harness = try TMHarness(Self.accounting, modules: ["acc"])
        harness.request("MESSAGE", lines: "X-What: once\r\n")
        harness.advance(60_000)
        harness.advance(60_000)
        #expect(records(harness) == ["transaction answered 408"])
        #expect(harness.accounts.last?.contains(";reason=Request Timeout") == true)
    }

    /// Our own Via is known by its branch, whatever address the script had it show.
    @Test(arguments: ["forward();", "t_relay();"])
    func repliesFindTheirWayWithAnAdvertisedAddress(relay: String) throws {
        let harness = try TMHarness(
            "route { set_advertised_address(\"198.51.100.7\"); $du = \"sip:10.2.2.2:5080\"; \(relay) }")
        harness.request("INVITE")
        let invite = try #require(harness.last("INVITE"))
        #expect(invite.value(.via)?.hasPrefix("SIP/2.0/UDP 198.51.100.7:5060") == true)
        harness.reply(200, to: invite)
        #expect(harness.takeSent().last == "caller: SIP/2.0 200 OK")
        harness.advance(30_000)
        #expect(harness.stack.transactionCount == 0)
        harness.reply(200, to: invite)
        #expect(harness.takeSent() == ["caller: SIP/2.0 200 OK"], "late, when nothing is known of it any more")
    }

    @Test func aForeignViaIsNotTakenOff() throws {
        let harness = try TMHarness("route { $du = \"sip:10.2.2.2:5080\"; forward(); }")
        harness.request("INVITE")
        let invite = try #require(harness.last("INVITE"))
        _ = harness.takeSent()
        let text = String(decoding: invite.buffer, as: UTF8.self)
        for (old, new) in [("127.0.0.1:5060;branch=z9hG4bKsl", "198.51.100.7:5060;branch=z9hG4bKslf")] {
            #expect(text.contains(old))
            let forged = try Message.parse(Array(text.replacing(old, with: new).utf8))
            harness.reply(200, to: forged)
        }
        #expect(harness.takeSent() == [])
    }
}
