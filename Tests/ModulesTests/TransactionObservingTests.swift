import Bytes
import SIPMessage
import SIPStack
import SIPTransport
import Testing

@testable import Modules

/// What modules see and change of a transaction that is relayed, here one in a dialog, found by `loose_route()`.
@Suite struct TransactionObservingTests {
    /// Writes down what it is told, and puts a header into everything that passes.
    private final class Recorder: TransactionObserver, @unchecked Sendable {
        // @unchecked: everything happens on the test's thread.
        var seen: [String] = []
        var vias = ""
        var transaction: Transaction?

        func relaying(_ branch: RelayedBranch, _ edits: inout MessageEdits, _ worker: StackWorker) {
            seen.append("relaying \(branch.index) \(branch.branch.requestURI) by \(branch.socket)")
            edits.append(line: ByteString("X-Out: \(branch.index)\r\n"), to: branch.request)
            vias = branch.transaction.viaLines(worker).string
        }

        func received(_ reply: InboundReply, _ edits: inout MessageEdits, _ worker: StackWorker) {
            seen.append("received \(reply.message.statusCode)")
            edits.append(line: ByteString("X-Back: \(reply.message.statusCode)\r\n"), to: reply.message)
        }

        func answered(_ transaction: Transaction, status: Int, response: Message?, _ worker: StackWorker) {
            self.transaction = transaction
            seen.append("answered \(status) \(response == nil ? "here" : "there")")
        }

        func cancelled(_ transaction: Transaction, by request: InboundRequest?, _ worker: StackWorker) {
            seen.append("cancelled")
        }

        func ended(_ transaction: Transaction, _ worker: StackWorker) { seen.append("ended") }
    }

    private static let script = """
        route {
            if (is_method("CANCEL")) { if (t_check_trans()) t_relay(); exit; }
            if (!loose_route()) { send_reply(404, "Not here"); exit; }
            $du = "sip:10.2.2.2:5080";
            if (is_method("INFO")) t_reply(486, "Busy Here"); else t_relay();
        }
        """

    private func begin(_ method: String) throws -> (TMHarness, Recorder) {
        let harness = try TMHarness(Self.script)
        let recorder = Recorder()
        harness.environment.inDialog.append { context, _, parameters in
            #expect(parameters == ";lr;did=1")
            context.observeTransaction(recorder)
        }
        harness.request(method, "sip:bob@10.2.2.2:5080", toTag: "b", lines: "Route: <sip:127.0.0.1;lr;did=1>\r\n")
        return (harness, recorder)
    }

    private static let relaying = "relaying 0 sip:bob@10.2.2.2:5080 by udp:127.0.0.1:5060"

    @Test func everyReplyIsShownAndCarriesTheEdits() throws {
        let (harness, recorder) = try begin("INVITE")
        let invite = try #require(harness.last("INVITE"))
        #expect(invite.value(.via)?.hasPrefix("SIP/2.0/UDP 127.0.0.1:5060") == true)
        #expect(invite.first(named: "X-Out").map { invite.text($0.value) } == "0")
        for status in [100, 180, 200, 200] { harness.reply(status, to: invite) }
        #expect(recorder.seen == [Self.relaying, "received 180", "received 200", "answered 200 there", "received 200"])
        let answer = try #require(harness.last("SIP/2.0 200"))
        #expect(answer.first(named: "X-Back").map { answer.text($0.value) } == "200")
        harness.advance(200_000)
        #expect(recorder.seen.last == "ended" && harness.stack.transactionCount == 0)
        #expect(recorder.vias == "Via: SIP/2.0/UDP 10.1.1.1:5060;branch=z9hG4bK1\r\n")
    }

    @Test func aNegativeReplyKeepsItsEditsUntilItIsChosen() throws {
        let (harness, recorder) = try begin("INVITE")
        harness.reply(486, to: try #require(harness.last("INVITE")))
        #expect(recorder.seen == [Self.relaying, "received 486", "answered 486 there"])
        let answer = try #require(harness.last("SIP/2.0 486"))
        #expect(answer.first(named: "X-Back").map { answer.text($0.value) } == "486")
    }

    @Test func aCancelIsShownBeforeItsConsequences() throws {
        let (harness, recorder) = try begin("INVITE")
        let invite = try #require(harness.last("INVITE"))
        harness.reply(180, to: invite)
        harness.request("CANCEL", "sip:bob@10.2.2.2:5080", toTag: "b")
        harness.reply(487, to: invite)
        #expect(
            recorder.seen == [Self.relaying, "received 180", "cancelled", "received 487", "answered 487 there"])
    }

    @Test func anAnswerMadeHereHasNoResponse() throws {
        let (harness, recorder) = try begin("INFO")
        #expect(recorder.seen == ["answered 486 here"])
        harness.advance(200_000)
        #expect(recorder.seen.last == "ended")
    }

    @Test func aTransactionThatTimesOutIsToldAsAnswered() throws {
        let (harness, recorder) = try begin("UPDATE")
        harness.advance(200_000)
        #expect(recorder.seen == [Self.relaying, "answered 408 here", "ended"])
    }

    @Test func aTransactionThatIsOverSaysThatNobodyWatchesIt() throws {
        let (harness, recorder) = try begin("INFO")
        let found = try #require(recorder.transaction)
        #expect(found.observe(recorder))
        harness.advance(130_000)
        let count = recorder.seen.count
        #expect(harness.stack.transactionCount == 0 && !found.observe(recorder) && recorder.seen.count == count)
    }
}
