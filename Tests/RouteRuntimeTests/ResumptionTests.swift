import Bytes
import Reactor
import Synchronization
import Testing

@testable import RouteRuntime

/// Waits that end before their time: timeouts, transactions that are over, results that come too late, too many waits.
@Suite struct ResumptionTests {
    /// A transaction that the test answers.
    final class Transaction: AwaitedTransaction, Sendable {
        private let state = Mutex<(isAwaited: Bool, bodies: [@Sendable () -> Void])>((true, []))

        var isAwaited: Bool { state.withLock { $0.isAwaited } }
        var followers: Int { state.withLock { $0.bodies.count } }

        func whenAnswered(_ body: @escaping @Sendable () -> Void) { state.withLock { $0.bodies.append(body) } }

        func answer() {
            let bodies = state.withLock { state in
                state.isAwaited = false
                return state.bodies
            }
            for body in bodies { body() }
        }
    }

    private func context(_ transaction: Transaction) -> MessageContext {
        let context = Sample.context()
        context.transaction = transaction
        return context
    }

    private func settle(_ harness: ScriptHarness) {
        for _ in 0..<3 { harness.process.process.reactor.runOnce() }
    }

    @Test func outputsOfAnAsyncFunctionReachTheResumeRoute() throws {
        let harness = try ScriptHarness(
            """
            route { $var(other) = 1; async(hold($var(out)), next); }
            route[next] { note("$rc $var(out) $var(other)"); }
            """)
        try harness.run()
        harness.recorder.held[0].resume { call in
            call.assign(0, .string("result"))
            return .done(4)
        }
        #expect(harness.notes == ["4 result <null>"])
    }

    @Test func aLateResultIsIgnoredByTheNextWait() throws {
        let harness = try ScriptHarness(
            """
            route { async(hold(), next, 1); }
            route[next] { note("first $rc"); hold(); note("second $rc"); }
            """)
        try harness.run()
        while harness.recorder.held.count < 2 { harness.process.process.reactor.runOnce() }
        #expect(harness.notes == ["abandoned 0", "first -1"])
        harness.recorder.held[0].resume(.done(7))
        #expect(harness.notes.count == 2 && harness.process.waitingCount == 1)
        harness.recorder.held[1].resume(.done(8))
        #expect(harness.notes.last == "second 8" && harness.process.waitingCount == 0)
    }

    /// Not even when that wait is of a function that cannot be ended.
    @Test func aLateResultIsIgnoredByAFunctionThatWaitsOtherwise() throws {
        let harness = try ScriptHarness("hold(); note(\"$rc\"); wait(); note(\"waited $rc\");")
        let transaction = Transaction()
        try harness.run(on: context(transaction))
        transaction.answer()
        settle(harness)
        harness.recorder.held[0].resume(.done(7))
        #expect(harness.notes == ["abandoned 0", "-1"] && harness.process.waitingCount == 1)
        try harness.resume(5)
        #expect(harness.notes.last == "waited 5" && harness.process.waitingCount == 0)
    }

    @Test func onlyTheFirstResultOfAWaitCounts() throws {
        let harness = try ScriptHarness("hold(); note(\"$rc\"); hold(); note(\"$rc\");")
        try harness.run()
        for code in 1...3 { harness.recorder.held[0].resume(.done(Int32(code))) }
        #expect(harness.notes == ["1"] && harness.process.waitingCount == 1)
    }

    @Test func aResultInTimeStopsTheTimer() throws {
        let harness = try ScriptHarness(
            """
            route { async(hold(), next, 1000); }
            route[next] { note("$rc"); }
            """)
        try harness.run()
        harness.recorder.held[0].resume(.done(2))
        settle(harness)
        #expect(harness.notes == ["2"])
        #expect(harness.process.process.reactor.figures.snapshot().timersArmed == 0)
    }

    @Test func anAnsweredTransactionEndsItsAsyncScript() throws {
        let harness = try ScriptHarness(
            """
            route { async(hold(), next); }
            route[next] { note("never"); }
            """)
        let transaction = Transaction()
        try harness.run(on: context(transaction))
        #expect(transaction.followers == 1)
        transaction.answer()
        settle(harness)
        #expect(harness.notes == ["abandoned 0"])
        #expect(harness.process.waitingCount == 0)
        harness.recorder.held[0].resume(.done(1))
        #expect(harness.notes == ["abandoned 0"])
    }

    /// Answered on another process between the look at it and the wish to be told.
    @Test func aTransactionAnsweredAsTheWaitBeginsEndsIt() throws {
        final class Answered: AwaitedTransaction, Sendable {
            private let isOver = Mutex(false)
            var isAwaited: Bool { isOver.withLock { !$0 } }
            func whenAnswered(_ body: @escaping @Sendable () -> Void) { isOver.withLock { $0 = true } }
        }
        let harness = try ScriptHarness("hold(); note(\"$rc\");")
        let context = Sample.context()
        context.transaction = Answered()
        try harness.run(on: context)
        settle(harness)
        #expect(harness.notes == ["abandoned 0", "-1"])
    }

    @Test func anAnsweredTransactionLetsAPlainScriptGoOn() throws {
        let harness = try ScriptHarness("hold(); note(\"$rc\"); hold(); note(\"$rc\");")
        let transaction = Transaction()
        try harness.run(on: context(transaction))
        transaction.answer()
        settle(harness)
        // It answered: what the script waits for afterwards has nothing to do with it.
        #expect(harness.notes == ["abandoned 0", "-1"])
        #expect(transaction.followers == 1 && harness.process.waitingCount == 1)
        harness.recorder.held[1].resume(.done(5))
        #expect(harness.notes.last == "5")
    }

    @Test func aScriptThatAnsweredBeforeItWaitsIsLeftAlone() throws {
        let harness = try ScriptHarness("hold(); note(\"$rc\");")
        let transaction = Transaction()
        transaction.answer()
        try harness.run(on: context(transaction))
        #expect(transaction.followers == 0)
        harness.recorder.held[0].resume(.done(3))
        #expect(harness.notes == ["3"])
    }

    @Test func launchDoesNotFollowTheTransaction() throws {
        let harness = try ScriptHarness(
            """
            route { launch(hold(), report); }
            route[report] { note("$rc"); }
            """)
        let transaction = Transaction()
        try harness.run(on: context(transaction))
        transaction.answer()
        settle(harness)
        harness.recorder.held[0].resume(.done(6))
        #expect(harness.notes == ["6"])
    }

    @Test func beyondTheLimitTheWorkIsEndedAndTheScriptToldSo() throws {
        let harness = try ScriptHarness(
            """
            route { async(hold(), next); }
            route[next] { note("$rc"); }
            """
        ) { $0.waitingRunsMax = 2 }
        for _ in 0..<3 { try harness.run() }
        #expect(harness.notes == ["abandoned 2", "-1"])
        #expect(harness.recorder.logs.contains { $0.contains("limit waiting_scripts") })
        let launching = try ScriptHarness(
            """
            route { launch(hold(), report); }
            route[report] { note("$rc"); }
            """
        ) { $0.waitingRunsMax = 1 }
        for _ in 0..<2 { try launching.run() }
        #expect(launching.notes == ["abandoned 1", "-1"])
    }

    /// Whoever was to resume it may hold it still.
    @Test func aRunThatWasRefusedTheWaitIsNotUsedAgain() throws {
        let harness = try ScriptHarness("wait(); note(\"$rc\");") { $0.waitingRunsMax = 1 }
        for _ in 0..<3 { try harness.run() }
        let runs = harness.recorder.waiting
        #expect(harness.notes == ["-1", "-1"])
        #expect(Set(runs.map { ObjectIdentifier($0) }).count == 3)
        runs[1].resume(.done(1))
        #expect(harness.notes == ["-1", "-1"] && harness.process.waitingCount == 1)
    }

    /// A process with all the jobs that it may have still learns what its scripts wait for.
    @Test func aFullJobQueueTakesTheResultOfAWait() throws {
        let harness = try ScriptHarness("hold(); note(\"$rc\");")
        let reactor = harness.process.process.reactor
        try harness.run()
        while reactor.submit(.silent, {}) {}
        #expect(harness.recorder.held[0].submit { _ in .done(4) })
        for _ in 0..<100_000 where harness.notes.isEmpty { reactor.runOnce() }
        #expect(harness.notes == ["4"])
    }

    // MARK: launch

    @Test func launchedScriptsGoOnInTheOrderOfTheirMaking() throws {
        let harness = try ScriptHarness(
            """
            route { launch(wait(), report, "1"); launch(wait(), report, "2"); launch(wait(), report, "3"); }
            route[report] { note("$param(1)"); }
            """)
        harness.recorder.earlyOutcome = 1
        try harness.run()
        #expect(harness.notes == ["1", "2", "3"])
    }

    @Test func aRouteThatLaunchesItselfLeavesTheProcessToOthers() throws {
        let harness = try ScriptHarness(
            """
            route { launch(wait(), again); }
            route[again] { note("again"); launch(wait(), again); }
            """)
        harness.recorder.earlyOutcome = 1
        try harness.run()
        #expect(harness.notes.count == 1)
        for _ in 0..<5 { harness.process.process.reactor.runOnce() }
        #expect((2...6).contains(harness.notes.count))
    }

    @Test func manyLaunchedScriptsTakeTurnsAndHaveALimit() throws {
        let harness = try ScriptHarness(
            """
            route {
                $var(i) = 0;
                while ($var(i) < 110) {
                    $var(i) = $var(i) + 1;
                    launch(wait(), report, "$var(i)");
                }
            }
            route[report] { note("$param(1)"); }
            """
        ) { $0.waitingRunsMax = 100 }
        harness.recorder.earlyOutcome = 1
        try harness.run()
        #expect(harness.notes.count == ScriptProcess.launchedInARowMax)
        settle(harness)
        #expect(harness.notes == (1...100).map(String.init))
        #expect(harness.recorder.logs.contains { $0.contains("limit waiting_scripts") })
    }

    @Test func theTransactionIsMadeBeforeTheFunctionRuns() throws {
        let harness = try ScriptHarness(
            """
            route { async(hold(), next); }
            route[next] { note("never"); }
            """
        ) { $0.beforeAsync = { run in run.context.message.isRequest ? .exit : nil } }
        try harness.run()
        #expect(harness.recorder.held.isEmpty && harness.notes.isEmpty)
    }
}
