import Bytes
import Foundation
import Reactor
import RouteRuntime
import Testing

@testable import Modules

@Suite("cfgutils")
struct CfgUtilsTests {
    @Test func sharedVariables() throws {
        let harness = try ModuleHarness(
            "note(\"$shv(debug) $shv(gw) $shv(none)\"); $shv(debug) = $shv(debug) + 1; $shv(gw) = \"b\";",
            head: """
                modparam("cfgutils", "shvset", "debug=i:1")
                modparam("cfgutils", "shvset", "gw=s:sip:10.10.10.10")
                """)
        try harness.run(ModuleHarness.sample())
        try harness.run(ModuleHarness.sample())
        #expect(harness.notes == ["1 sip:10.10.10.10 0", "2 b 0"])
        #expect(harness.environment.cfgutils?.shared.all.map(\.name.string) == ["debug", "gw"])
        #expect(throws: ModuleError.self) {
            try ModuleHarness("exit;", head: "modparam(\"cfgutils\", \"shvset\", \"debug\")")
        }
    }

    /// Waits on the reactor of a process without a thread.
    private func turn(_ harness: ModuleHarness, until isDone: () -> Bool) {
        for _ in 0..<10_000 where !isDone() { harness.process.process.reactor.runOnce() }
    }

    @Test func sleepingSuspendsTheScript() throws {
        let harness = try ModuleHarness("note(\"before\"); usleep(1500); note(\"after $rc\");")
        let start = harness.process.process.reactor.nowMilliseconds
        #expect(try harness.run(ModuleHarness.sample()) == nil)
        #expect(harness.notes == ["before"])
        turn(harness) { harness.notes.count == 2 }
        #expect(harness.notes == ["before", "after 1"])
        #expect(harness.process.process.reactor.nowMilliseconds - start >= 2)
        #expect(try ModuleHarness.notes("sleep(0); usleep(-5); note(\"at once\");") == ["at once"])
    }

    @Test func sleepHasAnAsyncForm() throws {
        let harness = try ModuleHarness(
            "route { async(usleep(1000), resumed); note(\"never\"); }\nroute[resumed] { note(\"resumed $rc\"); }")
        #expect(try harness.run(ModuleHarness.sample()) == nil)
        turn(harness) { !harness.notes.isEmpty }
        #expect(harness.notes == ["resumed 1"])
    }

    @Test func locksMakeOneScriptWaitForAnother() throws {
        let harness = try ModuleHarness(
            """
            route {
                get_dynamic_lock($ci);
                note("in");
                if ($rm == "INVITE") usleep(1000);
                note("out");
                release_dynamic_lock($ci);
            }
            """)
        #expect(try harness.run(ModuleHarness.sample()) == nil)
        #expect(try harness.run(ModuleHarness.sample(ModuleHarness.inDialog(lines: ""))) == nil)
        #expect(harness.notes == ["in"])
        turn(harness) { harness.notes.count == 4 }
        #expect(harness.notes == ["in", "out", "in", "out"])
        // Both are free again.
        #expect(try harness.run(ModuleHarness.sample(ModuleHarness.inDialog(lines: ""))) != nil)
    }

    @Test func staticLocksAreApart() throws {
        let notes = try ModuleHarness.notes(
            """
            get_static_lock("a"); get_static_lock("b"); note("both");
            release_static_lock("a"); release_static_lock("never held"); get_static_lock("a"); note("again");
            if (strings_share_lock("x", "x")) note("same");
            """)
        #expect(notes == ["both", "again", "same"])
    }

    /// A script that ends with a lock in its hands does not keep the next one waiting.
    @Test(arguments: ["exit;", "return;", "drop;", "$var(x) = 1;"])
    func locksAreReleasedWhenTheScriptEnds(end: String) throws {
        let harness = try ModuleHarness(
            """
            get_static_lock("a"); get_dynamic_lock($ci);
            note("in");
            if ($rm == "INVITE") usleep(1000);
            note("out");
            \(end)
            """)
        #expect(try harness.run(ModuleHarness.sample(ModuleHarness.invite)) == nil)
        #expect(try harness.run(ModuleHarness.sample(ModuleHarness.invite)) == nil)
        turn(harness) { harness.notes.count == 4 }
        #expect(harness.notes == ["in", "out", "in", "out"])
    }

    @Test func chance() throws {
        let notes = try ModuleHarness.notes(
            """
            rand_get_prob(); note("$rc");
            rand_set_prob(0); if (!rand_event()) note("never");
            rand_set_prob(100); if (rand_event()) note("always");
            if (!rand_event(0)) note("never by argument");
            if (!rand_set_prob(101)) note("refused");
            rand_reset_prob(); rand_get_prob(); note("$rc");
            """, head: "modparam(\"cfgutils\", \"initial_probability\", 15)")
        #expect(notes == ["15", "never", "always", "never by argument", "refused", "15"])
    }

    /// What has no weight is never chosen, index 0 stops no script, and each comes as often as its weight says.
    @Test func weights() throws {
        let notes = try ModuleHarness.notes(
            """
            $avp(w) = 0; $avp(w) = "0"; $avp(w) = 7;
            $var(x) = set_select_weight($avp(w)); note("$var(x)");
            $avp(v) = "5"; $avp(v) = 0;
            $var(x) = set_select_weight($avp(v)); note("$var(x)");
            $avp(n) = 0; $avp(n) = -3; set_select_weight($avp(n)); note("$rc");
            set_select_weight($avp(none)); note("$rc");
            rand_set_prob(0); rand_get_prob(); note("$rc");
            """)
        #expect(notes == ["0", "1", "-1", "-1", "0"])
        var counts = [0, 0, 0]
        for _ in 0..<4000 { counts[try #require(Chance.index(byWeight: [1, 0, 3]))] += 1 }
        #expect(counts[1] == 0 && (700...1300).contains(counts[0]))
    }

    @Test func valuesAndTimes() throws {
        let notes = try ModuleHarness.notes(
            """
            $avp(a) = "1"; $avp(a) = "2"; $avp(a) = "3";
            set_count($avp(a), $var(n)); note("$var(n)");
            set_count($avp(none), $var(n)); note("$var(n)");
            shuffle_avps($avp(a)); set_count($avp(a), $var(n)); note("$var(n)");
            ts_usec_delta(10, 300, 9, 999900, $var(s), $var(i)); note("$rc $var(s) $var(i)");
            ts_usec_delta(100000, 0, 0, 0, , $var(j)); note("$rc");
            check_time_rec("UTC|20120101T000000|20130101T000000", "1340000000"); note("$rc");
            check_time_rec("UTC|20120101T000000|20130101T000000", "1400000000"); note("$rc");
            check_time_rec("whenever"); note("$rc");
            get_accurate_time($var(sec), $var(usec), $var(text));
            if ($var(sec) > 1700000000 && $var(usec) >= 0 && $var(usec) < 1000000) note("now");
            if ($RANDOM >= 0) note("random");
            if ($ctime(year) > 2020 && $ctime(mon) > 0 && $ctime(mon) < 13) note("ctime");
            note("$env(SIPRAY_SURELY_NOT_SET)");
            """)
        #expect(
            notes == ["3", "0", "3", "1 400 400", "-1", "1", "-1", "-2", "now", "random", "ctime", "<null>"])
    }
}

@Suite("acc")
struct AccTests {
    /// A transaction that a test answers.
    private final class FakeTransaction: FollowableTransaction {
        var followers: [TransactionFollower] = []
        func follow(_ follower: @escaping TransactionFollower) { followers.append(follower) }

        func answer(_ status: Int, _ reason: ByteString) {
            for follower in followers { follower(TransactionAnswer(status: status, reason: reason, toTag: "tt")) }
        }
    }

    private func account(
        _ script: String, head: String = "", status: Int = 200, reason: ByteString = "OK",
        on context: MessageContext = ModuleHarness.sample()
    ) throws -> ModuleHarness {
        let harness = try ModuleHarness(script, head: head)
        try harness.run(context)
        let transaction = FakeTransaction()
        context.transaction = transaction
        context.settleFollowers()
        context.settleFollowers()
        transaction.answer(status, reason)
        return harness
    }

    private static let line =
        "notice ACC: transaction answered: timestamp=1000000;method=INVITE;from_tag=ft;to_tag=tt;call_id=call-1;"

    /// Script, status, lines of the log without their common start.
    static let cases: [(String, Int, [String])] = [
        ("do_accounting(\"log\");", 200, ["transaction answered 200"]),
        ("do_accounting(\"log\");", 486, []),
        ("do_accounting(\"log\", \"failed\");", 486, ["transaction answered 486"]),
        ("do_accounting(\"log\", \"missed\");", 486, ["call missed 486"]),
        ("do_accounting(\"log\", \"missed\");", 200, ["transaction answered 200"]),
        ("do_accounting(\"log\", \"failed|missed\");", 486, ["transaction answered 486", "call missed 486"]),
        ("do_accounting(\"log\"); do_accounting(\"log\", \"missed\");", 486, ["call missed 486"]),
        ("do_accounting(\"log\", \"missed\"); drop_accounting();", 486, []),
        (
            "do_accounting(\"log\", \"missed|failed\"); drop_accounting(\"log\", \"missed\");", 486,
            ["transaction answered 486"]
        ),
        ("exit;", 200, []),
    ]

    @Test(arguments: cases)
    func records(script: String, status: Int, expected: [String]) throws {
        let harness = try account(script, status: status)
        let lines = harness.recorder.logs.filter { $0.contains("ACC: ") }.map { line in
            let kind = line.components(separatedBy: ": ").dropFirst().first ?? ""
            let code = line.components(separatedBy: ";code=").last?.prefix(3) ?? ""
            return "\(kind) \(code)"
        }
        #expect(lines == expected)
    }

    @Test func theLineHasAllFields() throws {
        let harness = try account(
            "do_accounting(\"log\"); $acc_extra(a) = \"x\\r\\ny\"; $acc_leg(who) = \"bob\"; acc_new_leg(); "
                + "$acc_leg(who) = \"carol\"; note(\"$acc_extra(a)$(acc_leg(who)[0])$(acc_leg(who)[-1])$acc_current_leg\");",
            head: """
                modparam("acc", "extra_fields", "log: a->my_a; b")
                modparam("acc", "leg_fields", "log: who")
                """)
        #expect(
            harness.recorder.logs == [
                Self.line + "code=200;reason=OK;my_a=x  y;b=;who(leg1)=bob;who(leg2)=carol"
            ])
        #expect(harness.notes == ["x\r\nybobcarol1"])
    }

    @Test func eventsAndRequestsOnTheSpot() throws {
        let harness = try account(
            """
            do_accounting("evi");
            acc_log_request("403 Not allowed");
            acc_evi_request("nobody there");
            """, head: "modparam(\"acc\", \"extra_fields\", \"evi: a\")")
        #expect(harness.recorder.logs.count == 1)
        #expect(harness.recorder.logs.first?.contains("ACC: request accounted: ") == true)
        #expect(harness.recorder.logs.first?.hasSuffix(";code=403;reason=Not allowed") == true)
        #expect(
            harness.recorder.events == [
                "E_ACC_MISSED_EVENT method=INVITE,from_tag=ft,to_tag=,callid=call-1,sip_code=,"
                    + "sip_reason=nobody there,time=1000000,a=,created=1000000,setuptime=0",
                "E_ACC_EVENT method=INVITE,from_tag=ft,to_tag=tt,callid=call-1,sip_code=200,sip_reason=OK,"
                    + "time=1000000,a=",
            ])
    }

    @Test func directionIsTold() throws {
        let context = ModuleHarness.sample(
            ModuleHarness.inDialog(lines: "Route: <sip:127.0.0.1;lr;ftag=other>").replacing(
                "To: <sip:bob@example.net>;tag=tt", with: "To: <sip:bob@example.net>;tag=caller"))
        let harness = try account(
            "loose_route(); do_accounting(\"log\");", head: "modparam(\"acc\", \"detect_direction\", 1)", on: context)
        #expect(harness.recorder.logs.first?.contains(";from_tag=tt;to_tag=ft;") == true)
    }

    @Test func whatIsMissingIsRefused() {
        #expect(throws: ModuleHarness.Failure.self) {
            try ModuleHarness("exit;", head: "modparam(\"acc\", \"early_media\", 1)")
        }
        #expect(throws: ModuleHarness.Failure.self) { try ModuleHarness("do_accounting(\"paper\");") }
    }

    @Test func fieldsOfMissingBackendsAreKeptButNotWritten() throws {
        let harness = try account(
            "$acc_extra(a) = \"x\"; do_accounting(\"db|log\");",
            head: "modparam(\"acc\", \"extra_fields\", \"db: a->column\")")
        #expect(harness.recorder.logs.contains { $0.contains("no backend \"db\"") })
        #expect(harness.recorder.logs.contains { $0.contains("transaction answered") && !$0.contains("column") })
    }

    @Test(arguments: [0, 1])
    func cancelsAreToldWhenAsked(isOn: Int) throws {
        let context = ModuleHarness.sample(
            ModuleHarness.inDialog("CANCEL", lines: "").replacing(";tag=tt", with: ""))
        let harness = try account(
            "do_accounting(\"log\");", head: "modparam(\"acc\", \"report_cancels\", \(isOn))", on: context)
        #expect(harness.recorder.logs.filter { $0.contains("method=CANCEL") }.count == isOn)
    }

    @Test func unknownBackendsFailAtRunTime() throws {
        let notes = try ModuleHarness.notes(
            "$var(b) = \"paper\"; if (!do_accounting($var(b))) note(\"no\");"
                + "$var(f) = \"all\"; if (!do_accounting(\"log\", $var(f))) note(\"no\");")
        #expect(notes == ["no", "no"])
    }
}
