import Profiling
import Reactor
import RouteLanguage

/// Waiting runs: how a run begins to wait, what ends the wait before its time.
extension ScriptRun {
    /// The run waits, if it may: false when as many do as may (`waitingRunsMax`); what it would wait for was told then.
    func beginWaiting() -> Bool {
        // Refused or not: whoever was to resume it may hold it from now on.
        markWaited()
        guard process.waitingCount < configuration.waitingRunsMax else {
            log(
                .error,
                "\(pendingCall?.name ?? "a function") cannot wait: \(process.waitingCount) scripts wait (limit waiting_scripts)"
            )
            abandonWork()
            return false
        }
        isWaiting = true
        process.waitingCount += 1
        if onAbandon != nil, !outlivesTransaction { followTransaction() }
        return true
    }

    private func markWaited() {
        var run: ScriptRun? = self
        while let next = run {
            next.hasWaited = true
            run = next.parent
        }
    }

    /// Whether the run waits for what the call number `number` is doing, or is in that call now.
    func waits(for number: UInt64) -> Bool {
        (isWaiting || (isInHost && pending == nil)) && waitNumber == number
    }

    /// Ends what the pending function is doing, if it can be ended.
    private func abandonWork() {
        guard let work = onAbandon else { return }
        onAbandon = nil
        work()
    }

    // MARK: Timeouts

    /// Gives up waiting after a while, unless it was resumed.
    func scheduleTimeout(seconds: Int) {
        let number = waitNumber
        timeout = process.process.reactor.schedule(
            afterMilliseconds: max(0, min(seconds, Self.timeoutSecondsMax)) * 1000, label: ScriptRun.timeoutSite
        ) { [weak self] in
            guard let self, self.isWaiting, self.waitNumber == number else { return }
            self.timeout = nil
            self.log(.warning, "async: \(self.pendingCall?.name ?? "function") did not end in \(seconds) s")
            self.abandonWork()
            self.resume(.done(-1))
        }
    }

    private static let timeoutSecondsMax = 1 << 20
    private static let timeoutSite = Site("async timeout", file: "ScriptRun", interest: .timers)

    // MARK: Transactions

    /// Follows the transaction, if somebody waits for its answer: once it is answered nobody needs what the script waits for.
    private func followTransaction() {
        if case .launch = pendingPurpose { return }
        guard !followsTransaction, let transaction = context.transaction as? any AwaitedTransaction,
            transaction.isAwaited
        else { return }
        followsTransaction = true
        let waiter = Waiter(run: self)
        let reactor = process.process.reactor
        let answered: @Sendable () -> Void = {
            reactor.submit(Self.answeredSite, isOwed: true) { waiter.run?.transactionAnswered() }
        }
        transaction.whenAnswered(answered)
        // Another process may have answered it in between, and tells nobody any more.
        if !transaction.isAwaited { answered() }
    }

    /// The transaction was answered while the script waits: by a CANCEL, by its timer, or by somebody else.
    private func transactionAnswered() {
        guard isWaiting, onAbandon != nil, !outlivesTransaction else { return }
        log(.debug, "\(pendingCall?.name ?? "a function") is given up: the transaction is over")
        abandonWork()
        // The rest of an `async` is about a request that is over. A plain call may stand between things that belong
        // together, so its script goes on.
        if case .async = pendingPurpose { resume(.exit) } else { resume(.done(-1)) }
    }

    private static let answeredSite = ReactorSites.job("transaction answered")

    /// A run as a job carries it.
    private struct Waiter: @unchecked Sendable {
        // @unchecked: looked at in jobs of the run's process only.
        weak var run: ScriptRun?
    }
}
