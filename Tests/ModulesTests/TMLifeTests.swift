import Bytes
import SIPMessage
import Testing

@testable import Modules
@testable import SIPStack

/// What a transaction keeps goes with it, however it ends.
@Suite struct TMLifeTests {
    /// Routes that run later keep the request as it was relayed.
    private static let script = """
        route {
            $ru = "sip:bob@10.2.2.2:5080";
            t_on_branch("branch");
            t_on_reply("reply");
            t_on_failure("failure");
            $avp(kept) = "kept";
            if (!t_relay()) send_reply(500, "Internal Error");
        }
        branch_route[branch] { append_hf("X-Branch: yes\\r\\n"); }
        onreply_route[reply] { append_hf("X-Reply: yes\\r\\n"); }
        failure_route[failure] {
            if (t_check_status("486")) { $ru = "sip:bob@10.3.3.3:5090"; t_relay(); }
        }
        """

    @Test(arguments: [
        ("INVITE", 200), ("INVITE", 404), ("INVITE", 486), ("INVITE", 0), ("MESSAGE", 200), ("MESSAGE", 0),
    ])
    func nothingIsLeftOfACall(method: String, status: Int) throws {
        let harness = try TMHarness(Self.script)
        harness.request(method, "sip:bob@127.0.0.1")
        weak let transaction = harness.stack.table.first { _ in true }
        weak let state = transaction?.user as? TMState
        #expect(transaction != nil && state?.values.request != nil)
        if status > 0 { harness.reply(status, to: try #require(harness.last(method))) }
        if method == "INVITE", status == 404 { harness.request("ACK", toTag: "b") }
        harness.advance(400_000)
        #expect(harness.stack.transactionCount == 0)
        #expect(transaction == nil && state == nil)
    }

    /// Where the failure route is armed: a later attempt has what the request route made of the request, and nothing of the first
    /// attempt's branch route.
    private static func failingOver(_ before: String, _ behind: String) -> String {
        """
        route {
            $ru = "sip:bob@10.2.2.2:5080";
            \(before)
            append_hf("X-Route: yes\\r\\n");
            add_body_part("new body", "text/plain");
            $avp(kept) = "kept";
            t_on_branch("branch");
            \(behind)
            t_relay();
        }
        branch_route[branch] {
            append_hf("X-Branch: $rd\\r\\n");
            if ($rd == "10.2.2.2") { remove_body_part(); append_hf("X-First: yes\\r\\n"); }
        }
        failure_route[failure] {
            append_hf("X-Failed: $avp(kept)\\r\\n");
            $ru = "sip:bob@10.3.3.3:5090";
            t_on_branch("branch");
            t_relay();
        }
        """
    }

    @Test(arguments: [
        ("t_on_failure(\"failure\");", ""), ("", "t_on_failure(\"failure\");"),
        ("t_newtran(); t_on_failure(\"failure\");", ""),
        ("t_newtran(); t_on_reply(\"reply\");", "t_on_failure(\"failure\");"),
        ("t_newtran();", "t_on_failure(\"failure\");"),
    ])
    func theNextDestinationGetsWhatTheRequestRouteMade(before: String, behind: String) throws {
        let harness = try TMHarness(
            Self.failingOver(before, behind) + "\nonreply_route[reply] { $avp(seen) = $rs; }")
        harness.request("INVITE", "sip:bob@127.0.0.1")
        func header(_ name: ByteString, _ message: Message) -> [String] {
            message.headers.filter { message.text($0.name) == name }.map { message.text($0.value).string }
        }
        let first = try #require(harness.last("INVITE"))
        #expect(first.body.isEmpty && header("X-First", first) == ["yes"])
        #expect(header("X-Branch", first) == ["10.2.2.2"])
        harness.reply(486, to: first)
        let second = try #require(harness.last("INVITE sip:bob@10.3.3.3:5090"))
        #expect(second.body == "new body" && header("X-Route", second) == ["yes"])
        #expect(header("X-First", second).isEmpty)
        #expect(header("X-Branch", second) == ["10.3.3.3"])
        #expect(header("X-Failed", second) == ["kept"])
    }
}
