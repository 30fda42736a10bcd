import AllocationCounting
import SIPMessage
import Testing

@testable import Modules

/// What accounting costs a call, in allocations of its process.
@Suite struct AccAllocationTests {
    private static func script(_ accounting: String) -> String {
        """
        route {
            if (has_totag()) {
                if (is_method("ACK") && t_check_trans()) { t_relay(); exit; }
                match_dialog();
            } else if (is_method("INVITE")) {
                create_dialog();
                \(accounting)
            }
            $du = "sip:10.2.2.2:5080";
            t_relay();
        }
        """
    }

    /// Allocations of one call with a dialog, from INVITE to the answer of its BYE, behind others that were the same.
    private static func allocationsOfCall(_ accounting: String, modules: [String] = ["dialog", "acc"]) throws -> Int {
        let harness = try TMHarness(
            script(accounting),
            modparams: modules.contains("acc") ? #"modparam("acc", "extra_fields", "log: who")"# : "",
            modules: modules)
        harness.environment.start()
        var counts: [Int] = []
        for number in 1...Self.calls {
            counts.append(
                try allocations {
                    harness.request("INVITE", branch: "z9hG4bKinv\(number)")
                    harness.reply(200, to: try #require(harness.last("INVITE")))
                    harness.request("ACK", "sip:bob@10.2.2.2:5080", branch: "z9hG4bKack\(number)", toTag: "b")
                    harness.request("BYE", "sip:bob@10.2.2.2:5080", branch: "z9hG4bKbye\(number)", cseq: 2, toTag: "b")
                    harness.reply(200, to: try #require(harness.last("BYE")))
                })
            _ = harness.takeSent()
            harness.advance(40_000)
        }
        let records = harness.accounts.count
        #expect(records == (accounting.isEmpty ? 0 : Self.calls), "\(harness.accounts)")
        return try #require(counts.dropFirst().min())
    }

    @Test(.enabled(if: canCountAllocations))
    func whatIsNotAccountedPaysNothing() throws {
        let without = try Self.allocationsOfCall("", modules: ["dialog"])
        // Two: ids are random, and some are too long for the small form of a String.
        #expect(try Self.allocationsOfCall("") <= without + 2)
    }

    @Test(.enabled(if: canCountAllocations))
    func anAccountedCallPaysLittle() throws {
        let plain = try Self.allocationsOfCall("")
        let transaction = try Self.allocationsOfCall(#"do_accounting("log"); $acc_extra(who) = $fU;"#) - plain
        let whole = try Self.allocationsOfCall(#"do_accounting("log", "cdr"); $acc_extra(who) = $fU;"#) - plain
        #expect(transaction <= Self.transactionMax && whole <= Self.wholeMax, "\(transaction), \(whole) of \(plain)")
    }

    private static let calls = 12
    /// Measured: 80 with a record of the transaction, 84 with one of the call, both without optimisation and with the line of the
    /// log.
    private static let transactionMax = 86
    private static let wholeMax = 90
}
