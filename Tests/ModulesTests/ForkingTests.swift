import Bytes
import SIPMessage
import Testing

@testable import Modules

/// Forking as scripts ask for it: groups by q, injected branches, loops, blacklists.
@Suite struct ForkingTests {
    private static let first = "sip:bob@10.2.2.2:5080"
    private static let second = "sip:bob@10.3.3.3:5090"

    /// Three contacts, two of one q; the rest follows in the failure route.
    private static let serial = """
        route {
            if (is_method("CANCEL")) { if (t_check_trans()) t_relay(); exit; }
            if (is_method("ACK")) { t_check_trans(); exit; }
            $ru = "sip:bob@10.3.3.3:5090";
            $ru_q = 300;
            append_msg_branch("sip:one@10.2.2.2:5080", "0.9");
            append_msg_branch("sip:two@10.2.2.2:5080", "0.9");
            serialize_branches(1);
            if (next_branches()) xlog("first $rc\\n");
            t_on_failure("next");
            t_relay();
        }
        failure_route[next] {
            if (t_was_cancelled()) exit;
            if (next_branches()) {
                xlog("then $rc\\n");
                t_on_failure("next");
                t_relay();
                exit;
            }
            xlog("none\\n");
        }
        """

    private func invites(_ harness: TMHarness) -> [Message] {
        harness.sent.filter { $0.firstLine.hasPrefix("INVITE") }.map(\.message)
    }

    @Test func groupsOfEqualQAreTriedOneAfterAnother() throws {
        let harness = try TMHarness(Self.serial)
        harness.request("INVITE")
        let group = invites(harness)
        #expect(
            harness.takeSent() == [
                "caller: SIP/2.0 100 Giving it a try", "callee: INVITE sip:one@10.2.2.2:5080 SIP/2.0",
                "callee: INVITE sip:two@10.2.2.2:5080 SIP/2.0",
            ])
        try #require(group.count == 2)
        harness.reply(486, to: group[0])
        #expect(harness.takeSent() == ["callee: ACK sip:one@10.2.2.2:5080 SIP/2.0"], "the other still rings")
        harness.reply(404, to: group[1])
        let last = invites(harness)
        #expect(
            harness.takeSent() == [
                "callee: ACK sip:two@10.2.2.2:5080 SIP/2.0", "other: INVITE sip:bob@10.3.3.3:5090 SIP/2.0",
            ], "only the next group, not the branch that failed")
        try #require(last.count == 1)
        harness.reply(480, to: last[0], from: TMHarness.other)
        #expect(
            harness.takeSent().last == "caller: SIP/2.0 480 Temporarily Unavailable",
            "what the failure route tried last")
        #expect(harness.logs == ["first 1", "then 2", "none"])
        harness.request("ACK", toTag: "b")
        harness.advance(60_000)
        #expect(harness.stack.transactionCount == 0)
    }

    @Test func anAnswerEndsTheRow() throws {
        let harness = try TMHarness(Self.serial)
        harness.request("INVITE")
        let group = invites(harness)
        harness.reply(180, to: group[0])
        harness.reply(180, to: group[1])
        _ = harness.takeSent()
        harness.reply(200, to: group[1])
        #expect(
            harness.takeSent().sorted() == ["callee: CANCEL sip:one@10.2.2.2:5080 SIP/2.0", "caller: SIP/2.0 200 OK"])
        harness.reply(487, to: group[0])
        #expect(harness.takeSent() == ["callee: ACK sip:one@10.2.2.2:5080 SIP/2.0"])
        harness.advance(60_000)
        #expect(harness.stack.transactionCount == 0)
    }

    @Test func aCancelledCallStartsNoFurtherGroup() throws {
        let harness = try TMHarness(Self.serial)
        harness.request("INVITE")
        let group = invites(harness)
        for invite in group { harness.reply(180, to: invite) }
        harness.request("CANCEL")
        _ = harness.takeSent()
        for invite in group { harness.reply(487, to: invite) }
        let sent = harness.takeSent()
        #expect(sent.last == "caller: SIP/2.0 487 Request Terminated")
        #expect(!sent.contains { $0.contains("INVITE") })
    }

    @Test func aSixHundredEndsTheRow() throws {
        let harness = try TMHarness(Self.serial)
        harness.request("INVITE")
        let group = invites(harness)
        harness.reply(180, to: group[1])
        _ = harness.takeSent()
        harness.reply(603, to: group[0])
        #expect(harness.takeSent().contains("callee: CANCEL sip:two@10.2.2.2:5080 SIP/2.0"), "siblings are cancelled")
        harness.reply(487, to: group[1])
        let sent = harness.takeSent()
        #expect(sent.last == "caller: SIP/2.0 603 Decline", "RFC 3261 §16.7 item 5: no further branch")
        #expect(!sent.contains { $0.contains("INVITE") })
    }

    @Test func serialBranchesKeepWhatBelongsToThem() throws {
        let harness = try TMHarness(
            """
            route {
                $ru = "sip:bob@10.2.2.2:5080";
                $ru_q = 1000;
                $msg.branch = "sip:two@10.3.3.3:5090";
                $(msg.branch.q[1]) = 500;
                $(msg.branch.attr(name)[1]) = "kept";
                setbflag("MARK", 1);
                serialize_branches(1);
                next_branches();
                t_on_failure("f");
                t_relay();
            }
            failure_route[f] {
                if (next_branches()) { t_on_branch("b"); t_relay(); }
            }
            branch_route[b] {
                if (isbflagset("MARK")) append_hf("X-Mark: $msg.branch.attr(name)\\r\\n");
            }
            """)
        harness.request("INVITE")
        harness.reply(486, to: try #require(harness.last("INVITE")))
        let invite = try #require(harness.last("INVITE sip:two"))
        let mark = try #require(invite.first(named: "X-Mark"))
        #expect(invite.text(mark.value) == "kept")
    }

    @Test func injectedBranchesEndTheWait() throws {
        let harness = try TMHarness(
            """
            route {
                t_newtran();
                t_wait_for_new_branches(1);
                $ru = "sip:bob@10.2.2.2:5080";
                t_on_reply("busy");
                t_relay();
            }
            onreply_route[busy] { if (t_check_status("180")) xlog("ringing\\n"); }
            """)
        harness.request("INVITE")
        let invite = try #require(harness.last("INVITE"))
        _ = harness.takeSent()
        harness.reply(486, to: invite)
        #expect(harness.takeSent() == ["callee: ACK sip:bob@10.2.2.2:5080 SIP/2.0"], "it waits for branches")
        harness.advance(119_000)
        #expect(harness.takeSent() == [])
        harness.advance(2_000)
        #expect(harness.takeSent().first == "caller: SIP/2.0 486 Busy Here", "fr_inv_timeout ends the wait")
    }

    @Test(arguments: ["Request-Disposition: no-cancel", "Request-Disposition: proxy, no-cancel", "Subject: x"])
    func noCancelIsFollowedWhenAllowed(line: String) throws {
        for flag in ["allow-no-cancel", ""] {
            let harness = try TMHarness(
                """
                route {
                    $ru = "sip:one@10.2.2.2:5080";
                    append_msg_branch("sip:two@10.3.3.3:5090");
                    t_relay("\(flag)");
                }
                """)
            harness.request("INVITE", lines: "\(line)\r\n")
            let group = invites(harness)
            for invite in group { harness.reply(180, to: invite) }
            harness.reply(200, to: group[0])
            let isKept = !flag.isEmpty && line.contains("no-cancel")
            #expect(harness.takeSent().contains { $0.hasPrefix("other: CANCEL") } == !isKept, "\(line) \(flag)")
            guard isKept else { continue }
            harness.reply(200, to: group[1], from: TMHarness.other, tag: "c")
            #expect(harness.takeSent() == ["caller: SIP/2.0 200 OK"], "every 2xx reaches the caller")
        }
    }

    // MARK: loops

    private static let fork = """
        route {
            if (is_method("ACK")) { t_check_trans(); exit; }
            append_msg_branch("sip:x@10.3.3.3:5090");
            if ($rU == "spiral") $ru = "sip:bob@10.2.2.2:5080";
            $du = "sip:10.2.2.2:5080";
            if (!t_relay()) { xlog("relay $rc\\n"); }
        }
        """

    /// What the next hop does that sends a request back to us, changed as `change` says.
    private func comesBack(_ harness: TMHarness, _ change: (String) -> String = { $0 }) throws {
        let invite = try #require(harness.last("INVITE"))
        _ = harness.takeSent()
        let text = change(invite.wholeText.string).replacing(
            "\r\nVia: ", with: "\r\nVia: SIP/2.0/UDP 10.2.2.2:5080;branch=z9hG4bKback\(harness.logs.count)\r\nVia: ",
            maxReplacements: 1)
        harness.receive(Array(text.utf8), from: TMHarness.callee)
    }

    @Test func aForkedRequestThatComesBackUnchangedIsALoop() throws {
        let harness = try TMHarness(Self.fork)
        harness.request("INVITE")
        #expect(harness.sent.filter { $0.firstLine.hasPrefix("INVITE") }.count == 2)
        // The branch to $du keeps the request URI, so it comes back as it was.
        let own = try #require(harness.sent.first { $0.firstLine.hasPrefix("INVITE sip:bob@127.0.0.1") })
        _ = harness.takeSent()
        let text = own.message.wholeText.string.replacing(
            "\r\nVia: ", with: "\r\nVia: SIP/2.0/UDP 10.2.2.2:5080;branch=z9hG4bKback\r\nVia: ", maxReplacements: 1)
        harness.receive(Array(text.utf8), from: TMHarness.callee)
        #expect(harness.takeSent() == ["callee: SIP/2.0 100 Giving it a try", "callee: SIP/2.0 482 Loop Detected"])
        #expect(harness.logs.contains { $0.contains("relay -1") })
    }

    @Test func aSpiralGoesOn() throws {
        let harness = try TMHarness(Self.fork)
        harness.request("INVITE", "sip:spiral@127.0.0.1")
        try comesBack(harness)
        #expect(
            harness.takeSent().filter { $0.contains("INVITE") }.count == 2, "another request URI is another request")
    }

    @Test func aRequestThatWasNotForkedIsLeftToMaxForwards() throws {
        let harness = try TMHarness("route { $du = \"sip:10.2.2.2:5080\"; t_relay(); }")
        harness.request("INVITE")
        let invite = try #require(harness.last("INVITE"))
        #expect(invite.topVia?.branch?.count == 35, "no loop mark")
        try comesBack(harness)
        #expect(harness.takeSent().last == "callee: INVITE sip:bob@127.0.0.1 SIP/2.0")
    }

    // MARK: blacklists

    private static let lists = """
        dst_blacklist = gw:{ ( udp , 10.2.2.2 , 5080 , "" ) }
        dst_blacklist = only:{ !( any , 10.3.0.0/255.255.0.0 , 0 , "" ) }
        dst_blacklist = always/default:{ ( any , 10.9.9.0/24 , 0 , "" ) }
        dst_blacklist = words:{ ( any , 10.2.0.0/16 , 0 , "MESSAGE*ugly*" ) }

        """

    @Test(
        arguments: [
            ("", first, nil), ("use_blacklist(\"gw\");", first, -5), ("use_blacklist(\"gw\");", second, nil),
            ("use_blacklist(\"gw\"); unuse_blacklist(\"gw\");", first, nil),
            ("use_blacklist(\"only\");", first, -5), ("use_blacklist(\"only\");", second, nil),
            ("", "sip:x@10.9.9.7", -5), ("unuse_blacklist(\"always\");", "sip:x@10.9.9.7", nil),
            ("use_blacklist(\"gw\");", "sip:x@10.9.9.7", -5), ("use_blacklist(\"words\");", first, nil),
        ] as [(String, String, Int?)])
    func relayObeysTheListsInUse(statements: String, target: String, code: Int?) throws {
        let harness = try TMHarness(
            """
            route { \(statements) $ru = "\(target)"; if (!t_relay()) { xlog("relay $rc\\n"); } }
            """, modparams: Self.lists)
        harness.request("OPTIONS")
        let isSent = harness.takeSent().contains { $0.contains("OPTIONS") }
        #expect(isSent == (code == nil))
        #expect(harness.logs == (code.map { ["relay \($0)"] } ?? []))
    }

    @Test func patternsLookAtTheRequest() throws {
        let harness = try TMHarness(
            "route { use_blacklist(\"words\"); $ru = \"\(Self.first)\"; t_relay(); }", modparams: Self.lists)
        harness.request("MESSAGE", lines: "Subject: ugly\r\n")
        #expect(harness.takeSent() == ["caller: SIP/2.0 477 Send failed (477/TM)"])
        harness.request("MESSAGE", branch: "z9hG4bK2", lines: "Subject: nice\r\n")
        #expect(harness.takeSent() == ["callee: MESSAGE sip:bob@10.2.2.2:5080 SIP/2.0"])
    }

    @Test(
        arguments: [
            ("\"gw\", \"10.2.2.2\", 5080, \"udp\"", true), ("\"gw\", \"10.2.2.2\", 5080, \"tcp\"", false),
            ("\"gw\", \"10.2.2.2\", 5080", false), ("\"gw\", \"10.2.2.2\", , \"udp\"", false),
            ("\"only\", \"10.3.1.1\"", false), ("\"only\", \"10.4.1.1\"", true), (", \"10.9.9.7\"", true),
            (", \"10.2.2.2\", 5080, \"udp\"", false), ("\"words\", \"10.2.2.2\"", false),
            ("\"words\", \"10.2.2.2\", , , \"MESSAGE ugly\"", true), ("\"nope\", \"10.2.2.2\"", false),
        ])
    func rulesAreAsked(arguments: String, isFound: Bool) throws {
        let harness = try TMHarness(
            "route { if (check_blacklist_rule(\(arguments))) xlog(\"found\\n\"); }", modparams: Self.lists)
        harness.request("OPTIONS")
        #expect(harness.logs == (isFound ? ["found"] : []))
    }

    @Test func oneFilteredBranchLeavesTheOthers() throws {
        let harness = try TMHarness(
            """
            route {
                use_blacklist("gw");
                $ru = "\(Self.first)";
                append_msg_branch("\(Self.second)");
                t_relay();
            }
            """, modparams: Self.lists)
        harness.request("OPTIONS")
        #expect(harness.takeSent() == ["other: OPTIONS sip:bob@10.3.3.3:5090 SIP/2.0"])
    }

    @Test func statelessForwardObeysThemToo() throws {
        let harness = try TMHarness(
            "route { use_blacklist(\"gw\"); if (!forward(\"10.2.2.2:5080\")) forward(\"10.3.3.3:5090\"); }",
            modparams: Self.lists)
        harness.request("OPTIONS")
        #expect(harness.takeSent() == ["other: OPTIONS sip:bob@127.0.0.1 SIP/2.0"])
    }

    // MARK: replication

    @Test func replicasCarryWhatModulesAdd() throws {
        let harness = try TMHarness(
            """
            route {
                record_route();
                append_hf("X-Copy: yes\\r\\n");
                append_msg_branch("sip:copy@10.3.3.3:5090");
                t_replicate("sip:copy@10.2.2.2:5080", "no-dns-failover");
                send_reply(200, "Mine");
            }
            """)
        harness.request("MESSAGE")
        for uri in ["sip:copy@10.2.2.2:5080", "sip:copy@10.3.3.3:5090"] {
            let copy = try #require(harness.last("MESSAGE \(uri)"))
            #expect(copy.first(.recordRoute) != nil)
            #expect(copy.first(named: "X-Copy") != nil)
            harness.reply(500, to: copy)
        }
        let answers = harness.takeSent().filter { $0.hasPrefix("caller") }
        #expect(answers == ["caller: SIP/2.0 200 Mine"], "what the copies are answered with ends here")
    }
}
