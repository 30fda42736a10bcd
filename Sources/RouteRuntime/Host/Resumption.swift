package import Profiling
import Reactor

/// The right to go on, once, with a script that waits for one thing. Kept by whoever does what the script waits for.
///
/// Harmless when it comes too late: after the script's timeout, or after its transaction was over. Holds the run, so drop
/// it when there is nothing more to say.
package struct Resumption: @unchecked Sendable {
    // @unchecked: what it holds is touched on the run's process only; `submit` goes there by a job.
    private let call: Call
    private let number: UInt64

    init(_ call: borrowing Call, number: UInt64) {
        self.call = copy call
        self.number = number
    }

    /// Whether the script still waits for it. On the run's process.
    package var isWanted: Bool { call.run.waits(for: number) }

    /// Goes on with what the function did. On the run's process.
    package func resume(_ outcome: Outcome) {
        guard isWanted else { return }
        call.run.resume(outcome)
    }

    /// Lets `body` write what the function has to give, then goes on with what it says. On the run's process; not called when
    /// the script does not wait any more.
    package func resume(_ body: (borrowing Call) -> Outcome) {
        guard isWanted else { return }
        call.run.resume(body(call))
    }

    /// `resume` from any thread, as a job of the run's process, which takes it however many jobs wait there (waiting
    /// scripts have a limit of their own). False when the process has ended, and the script with it.
    @discardableResult
    package func submit(_ body: @escaping @Sendable (borrowing Call) -> Outcome) -> Bool {
        // The resume says what it is itself (`async_script`).
        call.process.process.reactor.submit(.silent, as: .direct, isOwed: true) { [self] in resume(body) }
    }

    /// Lets `body` say what becomes of the script, as a job; `isWanted` tells it whether the script waits at all.
    @discardableResult
    package func submit(_ label: Site, always body: @escaping @Sendable (Resumption) -> Void) -> Bool {
        call.process.process.reactor.submit(label, isOwed: true) { [self] in body(self) }
    }
}

extension Call {
    /// Prepares to wait: the function keeps what it gets, returns `.suspended`, and resumes later, once. There is no
    /// other way to go on, so that what comes late for one wait is never taken for what the next one is about.
    ///
    /// - Parameters:
    ///   - outlivesTransaction: the script waits on when its transaction was answered or cancelled.
    ///   - abandon: called at most once, on the run's process, when nobody wants the result any more: the script's
    ///     timeout has passed, its transaction was answered or cancelled, or too many scripts wait. Ends the work.
    package func wait(outlivesTransaction: Bool = false, abandon: (() -> Void)? = nil) -> Resumption {
        run.waitNumber &+= 1
        run.onAbandon = abandon
        run.outlivesTransaction = outlivesTransaction
        return Resumption(self, number: run.waitNumber)
    }

    /// Whether the script is not held up by this call: it stands in `async()` or `launch()`.
    package var isAsynchronous: Bool {
        if case .statement = run.pendingPurpose { false } else { true }
    }
}

extension ScriptRun {
    /// `Call.wait` of the function that is under way: for one that goes on after other routes (`Outcome.run`).
    package func wait(abandon: (() -> Void)? = nil) -> Resumption {
        guard let site = pendingCall else { preconditionFailure("ScriptRun.wait: no function is under way") }
        return Call(run: self, site: site, base: max(0, arguments.count - site.arguments.count)).wait(abandon: abandon)
    }
}

/// What `MessageContext.transaction` conforms to, so that a script that waits learns when nobody waits for it.
package protocol AwaitedTransaction: AnyObject {
    /// Somebody upstream still waits for the final reply. Any thread.
    var isAwaited: Bool { get }

    /// Calls `body`, on any process, when the final reply was sent or the transaction is over; maybe twice. Any thread.
    func whenAnswered(_ body: @escaping @Sendable () -> Void)
}
