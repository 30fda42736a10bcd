import Bytes
import SIPMessage
import Testing

@testable import Modules

@Suite struct TMTests {
    private static let proxy = """
        route {
            if (is_method("CANCEL")) { if (t_check_trans()) t_relay(); exit; }
            if (is_method("ACK")) { if (t_check_trans()) { t_relay(); exit; } $ru = "sip:bob@10.2.2.2:5080"; t_relay(); exit; }
            t_check_trans();
            if ($rU == "nobody") { t_reply(404, "Nobody"); exit; }
            if ($rU == "park") { t_newtran(); exit; }
            if ($rU == "unknown") { $ru = "sip:bob@no.such.host"; if (!t_relay()) exit; exit; }
            $ru = "sip:bob@10.2.2.2:5080";
            route(relay);
        }
        route[relay] {
            if (is_method("INVITE")) {
                t_on_branch("branch");
                t_on_reply("reply");
                t_on_failure("failure");
            }
            $avp(seen) = "request";
            setflag("FLAG");
            if (!t_relay()) send_reply(500, "Internal Error");
            exit;
        }
        branch_route[branch] {
            append_hf("X-Branch: $T_branch_idx\\r\\n");
            setbflag("BRANCH");
            if ($ru =~ "10.9.9.9") drop;
        }
        onreply_route[reply] {
            append_hf("X-Reply: $T_reply_code $T_branch_idx $avp(seen)\\r\\n");
            if (isflagset("FLAG") && isbflagset("BRANCH")) append_hf("X-Flags: yes\\r\\n");
            if (t_check_status("183")) drop;
        }
        failure_route[failure] {
            if (t_was_cancelled()) exit;
            if (t_check_status("486")) {
                $ru = "sip:voicemail@10.3.3.3:5090";
                t_relay();
            } else if (t_check_status("480")) {
                t_reply(603, "$T_reply_code from $(<reply>ua)");
            }
        }
        """

    private func start(_ user: String = "bob", modparams: String = "") throws -> TMHarness {
        let harness = try TMHarness(Self.proxy, modparams: modparams)
        harness.request("INVITE", "sip:\(user)@127.0.0.1")
        return harness
    }

    @Test func callIsRelayedThroughAllRoutes() throws {
        let harness = try start(modparams: "modparam(\"tm\", \"onreply_avp_mode\", 1)")
        let invite = try #require(harness.last("INVITE"))
        #expect(
            harness.takeSent() == [
                "caller: SIP/2.0 100 Giving it a try", "callee: INVITE sip:bob@10.2.2.2:5080 SIP/2.0",
            ])
        #expect(invite.text(try #require(invite.first(named: "X-Branch")).value) == "0")
        #expect(invite.count(of: .via) == 2)
        harness.reply(183, to: invite)
        #expect(harness.takeSent() == [], "the onreply route dropped it")
        harness.reply(180, to: invite)
        let ringing = try #require(harness.last("SIP/2.0 180"))
        #expect(ringing.count(of: .via) == 1)
        #expect(ringing.text(try #require(ringing.first(named: "X-Reply")).value) == "180 0 request")
        #expect(ringing.first(named: "X-Flags") != nil)
        harness.reply(200, to: invite)
        #expect(harness.takeSent().last == "caller: SIP/2.0 200 OK")
        harness.request("ACK", branch: "z9hG4bK2", toTag: "b")
        #expect(harness.takeSent() == ["callee: ACK sip:bob@10.2.2.2:5080 SIP/2.0"])
        harness.advance(10_000)
        #expect(harness.stack.transactionCount == 0)
    }

    @Test func withoutAvpModeReplyRoutesSeeNoAVPs() throws {
        let harness = try start()
        harness.reply(180, to: try #require(harness.last("INVITE")))
        let ringing = try #require(harness.last("SIP/2.0 180"))
        #expect(ringing.text(try #require(ringing.first(named: "X-Reply")).value) == "180 0 <null>")
    }

    @Test func retransmissionsAreAbsorbed() throws {
        let harness = try start()
        let invite = try #require(harness.last("INVITE"))
        _ = harness.takeSent()
        harness.request("INVITE")
        #expect(harness.takeSent() == ["caller: SIP/2.0 100 Giving it a try"])
        harness.reply(180, to: invite)
        harness.request("INVITE")
        #expect(harness.takeSent() == ["caller: SIP/2.0 180 Ringing", "caller: SIP/2.0 180 Ringing"])
    }

    @Test func failureRouteSerialForks() throws {
        let harness = try start()
        let first = try #require(harness.last("INVITE"))
        _ = harness.takeSent()
        harness.reply(486, to: first)
        let second = try #require(harness.last("INVITE"))
        #expect(
            harness.takeSent() == [
                "callee: ACK sip:bob@10.2.2.2:5080 SIP/2.0", "other: INVITE sip:voicemail@10.3.3.3:5090 SIP/2.0",
            ])
        #expect(second.text(try #require(second.first(named: "X-Branch")).value) == "1")
        #expect(second.topVia?.branch != first.topVia?.branch)
        harness.reply(200, to: second, from: TMHarness.other)
        #expect(harness.takeSent() == ["caller: SIP/2.0 200 OK"])
    }

    @Test func failureRouteAnswers() throws {
        let harness = try start()
        harness.reply(480, to: try #require(harness.last("INVITE")))
        #expect(harness.takeSent().last?.hasPrefix("caller: SIP/2.0 603 480 from") == true)
        harness.request("ACK", toTag: "x")
        #expect(harness.takeSent() == [], "the ACK of a negative answer ends here")
        harness.advance(60_000)
        #expect(harness.stack.transactionCount == 0)
    }

    @Test func otherFailuresGoUpstream() throws {
        let harness = try start()
        harness.reply(404, to: try #require(harness.last("INVITE")))
        #expect(harness.takeSent().last == "caller: SIP/2.0 404 Not Found")
    }

    @Test func cancelReachesTheBranchAndTheCallerGets487() throws {
        let harness = try start()
        let invite = try #require(harness.last("INVITE"))
        harness.reply(180, to: invite)
        _ = harness.takeSent()
        harness.request("CANCEL", lines: "Reason: SIP;cause=200\r\n")
        let cancel = try #require(harness.last("CANCEL"))
        #expect(
            harness.takeSent() == [
                "caller: SIP/2.0 200 canceling", "callee: CANCEL sip:bob@10.2.2.2:5080 SIP/2.0",
            ])
        #expect(cancel.topVia?.branch == invite.topVia?.branch)
        harness.reply(200, to: cancel)
        harness.reply(487, to: invite)
        #expect(
            harness.takeSent() == [
                "callee: ACK sip:bob@10.2.2.2:5080 SIP/2.0", "caller: SIP/2.0 487 Request Terminated",
            ])
        harness.request("ACK", toTag: "b")
        harness.advance(60_000)
        #expect(harness.stack.transactionCount == 0)
    }

    @Test func localAnswersAreRepeatedUntilAcknowledged() throws {
        let harness = try start("nobody")
        #expect(harness.takeSent() == ["caller: SIP/2.0 100 Giving it a try", "caller: SIP/2.0 404 Nobody"])
        harness.advance(600)
        #expect(harness.takeSent() == ["caller: SIP/2.0 404 Nobody"])
        harness.request("ACK", "sip:nobody@127.0.0.1", toTag: "x")
        harness.advance(60_000)
        #expect(harness.takeSent() == [])
        #expect(harness.stack.transactionCount == 0)
    }

    @Test func unresolvableDestinationIsAnswered478() throws {
        let harness = try start("unknown")
        #expect(harness.takeSent().last == "caller: SIP/2.0 478 Unresolvable destination (478/TM)")
    }

    @Test func parkedTransactionCanBeAnsweredByCallID() throws {
        let harness = try TMHarness(
            """
            route {
                if (is_method("INVITE")) { t_newtran(); exit; }
                if (!t_reply_by_callid(487, "Gone", , 1)) sl_send_reply(481, "None");
                else sl_send_reply(200, "OK");
            }
            """)
        harness.request("INVITE")
        harness.request("BYE", branch: "z9hG4bK3", cseq: 2)
        #expect(harness.takeSent().suffix(2) == ["caller: SIP/2.0 487 Gone", "caller: SIP/2.0 200 OK"])
    }

    @Test func parallelBranchesMayBeDroppedByTheBranchRoute() throws {
        let harness = try TMHarness(
            """
            route {
                t_on_branch("b");
                append_msg_branch("sip:x@10.9.9.9");
                append_msg_branch("sip:y@10.3.3.3:5090");
                $ru = "sip:bob@10.2.2.2:5080";
                t_relay();
            }
            branch_route[b] { if ($ru =~ "10.9.9.9") drop; }
            """)
        harness.request("INVITE")
        #expect(
            harness.takeSent() == [
                "caller: SIP/2.0 100 Giving it a try", "callee: INVITE sip:bob@10.2.2.2:5080 SIP/2.0",
                "other: INVITE sip:y@10.3.3.3:5090 SIP/2.0",
            ])
    }

    @Test func timeoutsFollowTheVariables() throws {
        let harness = try TMHarness(
            """
            route { $T_fr_timeout = 2; t_on_failure("f"); $ru = "sip:bob@10.2.2.2:5080"; t_relay(); }
            failure_route[f] { if (t_local_replied("all")) t_reply(408, "Silence after $T_fr_timeout"); }
            """)
        harness.request("INVITE")
        harness.advance(1_900)
        #expect(!harness.takeSent().contains { $0.contains("408") })
        harness.advance(200)
        #expect(harness.takeSent().last == "caller: SIP/2.0 408 Silence after 2")
    }

    @Test func outboundProxyAndFlags() throws {
        let harness = try TMHarness("route { t_relay(\"no-auto-477,no-dns-failover\", \"udp:10.2.2.2:5080\"); }")
        harness.request("OPTIONS")
        #expect(harness.takeSent() == ["callee: OPTIONS sip:bob@127.0.0.1 SIP/2.0"])
    }

    @Test func statelessForwardAndReply() throws {
        let harness = try TMHarness(
            """
            route {
                if (is_method("OPTIONS")) { send_reply(200, "Fine"); exit; }
                forward("10.2.2.2:5080");
            }
            """)
        harness.request("OPTIONS")
        #expect(harness.takeSent() == ["caller: SIP/2.0 200 Fine"])
        harness.request("MESSAGE", branch: "z9hG4bK5")
        let message = try #require(harness.last("MESSAGE"))
        #expect(harness.takeSent() == ["callee: MESSAGE sip:bob@127.0.0.1 SIP/2.0"])
        harness.reply(200, to: message)
        #expect(harness.takeSent() == ["caller: SIP/2.0 200 OK"], "forwarded by its second Via")
        #expect(harness.stack.transactionCount == 0)
    }

    @Test func requestsOfOurOwnPassTheLocalRoute() throws {
        let harness = try TMHarness(
            """
            route { t_new_request("MESSAGE", "sip:bob@10.2.2.2:5080", "Me sip:me@127.0.0.1", "sip:bob@x", "text/plain Hello", "ctx"); }
            local_route { append_hf("X-Local: $rm $avp(uac_ctx)\\r\\n"); }
            """)
        harness.request("OPTIONS")
        let message = try #require(harness.last("MESSAGE"))
        #expect(message.text(try #require(message.first(named: "X-Local")).value) == "MESSAGE ctx")
        #expect(message.body == "Hello")
        #expect(message.from?.uriText == "sip:me@127.0.0.1")
        harness.reply(200, to: message)
        harness.advance(10_000)
        #expect(harness.stack.transactionCount == 0)
    }

    @Test func everyDeclaredFunctionIsBoundOrSaidToBeMissing() throws {
        let harness = try TMHarness("route { exit; }")
        let binding = TMModule.bind(harness.environment)
        for function in ModuleLibrary.catalogue.module("tm")?.functions ?? [] {
            let isBound = binding.functions[function.name] != nil
            #expect(isBound == (function.availability == .available), "\(function.name)")
        }
        let bound = Set(binding.variables.map(\.declaration.name))
        for variable in ModuleLibrary.catalogue.module("tm")?.variables ?? [] {
            #expect(bound.contains(variable.name), "\(variable.name)")
        }
    }

    @Test(arguments: [
        ("sl_send_reply(404, \"No\");", "", "sl"),
        ("send_reply(404, \"No\");", "", "sl"),
        ("send_reply(404, \"No\");", "b", "b"),
        ("t_newtran(); send_reply(404, \"No\");", "", ""),
        ("t_newtran(); send_reply(404, \"No\");", "b", "b"),
    ])
    func localTagIsThatOfTheReply(answer: String, ofRequest tag: String, prefix: String) throws {
        let isStateful = answer.hasPrefix("t_newtran();")
        let note = "append_to_reply(\"X-Tag: $sig_local_totag\\r\\n\");"
        let statements = isStateful ? "t_newtran(); \(note) \(answer.dropFirst(12))" : "\(note) \(answer)"
        let harness = try TMHarness("route { \(statements) }")
        harness.request("OPTIONS", toTag: tag)
        let reply = try #require(harness.last("SIP/2.0 404"))
        let noted = reply.text(try #require(reply.first(named: "X-Tag")).value)
        #expect(noted == reply.toTag)
        #expect(noted.hasPrefix(ByteString(prefix)) && noted.count >= max(1, prefix.utf8.count))
        #expect(noted.hasPrefix("sl") == (prefix == "sl"))
    }
}
