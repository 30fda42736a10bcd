import Bytes
import SIPMessage
import Testing

@testable import Modules

/// Requests inside a dialog, relayed by the routes that were recorded; peers that route strictly (RFC 3261 §16.12.1.2).
@Suite struct InDialogTests {
    private static let script = """
        route {
            if (has_totag()) {
                if (is_method("ACK") && t_check_trans()) { t_relay(); exit; }
                if (!loose_route()) { send_reply(404, "No Way Known"); exit; }
                t_relay();
                exit;
            }
            if (is_method("CANCEL")) { if (t_check_trans()) t_relay(); exit; }
            t_check_trans();
            record_route();
            $ru = "sip:bob@10.2.2.2:5080";
            t_relay();
        }
        """
    private static let ours = "<sip:127.0.0.1;lr>"

    @Test(arguments: ["PRACK", "UPDATE", "INFO", "BYE", "REFER", "NOTIFY", "MESSAGE", "INVITE", "FOO"])
    func goesByTheRecordedRoute(method: String) throws {
        let harness = try TMHarness(Self.script)
        harness.request(
            method, "sip:bob@10.2.2.2:5080", cseq: 2, toTag: "b", lines: "Route: \(Self.ours)\r\nRAck: 1 1 INVITE\r\n")
        let relayed = try #require(harness.last(method))
        #expect(harness.takeSent().last == "callee: \(method) sip:bob@10.2.2.2:5080 SIP/2.0")
        #expect(!relayed.contains(.route), "ours was taken off")
        #expect(!relayed.contains(.recordRoute))
        #expect(relayed.first(named: "RAck") != nil)
        // Once more: absorbed.
        harness.request(
            method, "sip:bob@10.2.2.2:5080", cseq: 2, toTag: "b", lines: "Route: \(Self.ours)\r\nRAck: 1 1 INVITE\r\n")
        #expect(!harness.takeSent().contains { $0.hasPrefix("callee") })
        harness.reply(200, to: relayed)
        #expect(harness.takeSent().last == "caller: SIP/2.0 200 OK")
        harness.advance(130_000)
        #expect(harness.stack.transactionCount == 0)
    }

    @Test func prackOfAReliableProvisionalRunsBesideItsInvite() throws {
        let harness = try TMHarness(Self.script)
        harness.request("INVITE", lines: "Supported: 100rel\r\n")
        let invite = try #require(harness.last("INVITE"))
        harness.reply(183, to: invite)
        harness.request(
            "PRACK", "sip:bob@10.2.2.2:5080", branch: "z9hG4bK2", cseq: 2, toTag: "b", lines: "Route: \(Self.ours)\r\n")
        harness.reply(200, to: try #require(harness.last("PRACK")))
        harness.reply(200, to: invite)
        #expect(
            harness.takeSent().filter { $0.hasPrefix("caller") } == [
                "caller: SIP/2.0 100 Giving it a try", "caller: SIP/2.0 183 Session Progress",
                "caller: SIP/2.0 200 OK", "caller: SIP/2.0 200 OK",
            ])
        #expect(harness.stack.transactionCount == 2)
        harness.advance(60_000)
        #expect(harness.stack.transactionCount == 0)
    }

    @Test func aStrictRouterBehindUsGetsItsOwnAddressAsTarget() throws {
        let harness = try TMHarness(Self.script)
        harness.request(
            "INVITE", "sip:bob@192.0.2.9", cseq: 2, toTag: "b",
            lines: "Route: \(Self.ours), <sip:10.2.2.2:5080>, <sip:10.3.3.3;lr>\r\n")
        let relayed = try #require(harness.last("INVITE"))
        #expect(harness.takeSent().last == "callee: INVITE sip:10.2.2.2:5080 SIP/2.0")
        let routes = relayed.all(.route).map { relayed.text($0.value).string }.joined(separator: ", ")
        #expect(routes == "<sip:10.3.3.3;lr>, <sip:bob@192.0.2.9>")
    }

    @Test func aStrictRouterInFrontOfUsPutOurAddressIntoTheTarget() throws {
        let harness = try TMHarness(Self.script)
        harness.request(
            "INVITE", "sip:127.0.0.1;lr", cseq: 2, toTag: "b", lines: "Route: <sip:bob@10.2.2.2:5080>\r\n")
        let relayed = try #require(harness.last("INVITE"))
        #expect(harness.takeSent().last == "callee: INVITE sip:bob@10.2.2.2:5080 SIP/2.0")
        #expect(!relayed.contains(.route))
        // ACK of its non-2xx answer and CANCEL bear the target that it was sent with, and end or go as they should.
        harness.reply(486, to: relayed)
        harness.request("ACK", "sip:127.0.0.1;lr", cseq: 2, toTag: "b", lines: "Route: <sip:bob@10.2.2.2:5080>\r\n")
        #expect(
            harness.takeSent() == ["callee: ACK sip:bob@10.2.2.2:5080 SIP/2.0", "caller: SIP/2.0 486 Busy Here"],
            "the caller's ACK ends here")
    }

    @Test func theAckOfAnAnswerGoesThroughStrictRouters() throws {
        let harness = try TMHarness(Self.script)
        harness.request(
            "ACK", "sip:127.0.0.1;lr", branch: "z9hG4bKack", cseq: 2, toTag: "b",
            lines: "Route: <sip:10.3.3.3:5090>, <sip:bob@10.2.2.2:5080>\r\n")
        #expect(harness.takeSent() == ["other: ACK sip:10.3.3.3:5090 SIP/2.0"])
    }
}
