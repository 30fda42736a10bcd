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
}
