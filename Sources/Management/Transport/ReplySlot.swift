import JSONRPC
import Profiling
import Reactor
import Synchronization

/// Brings the answer of a command back to the thread of the process that read the request, whether the command answered
/// at once or later from another thread.
final class ReplySlot: Sendable {
    private enum State {
        case waiting
        case answered(RPCReply?)
        case detached
    }

    private let state = Mutex<State>(.waiting)
    private let later: @Sendable (RPCReply?) -> Void

    /// `later` is called, on the thread that answers, when the answer comes after ``takeNow()``.
    private init(later: @escaping @Sendable (RPCReply?) -> Void) { self.later = later }

    /// Runs a call on a process. `finish` is called once, on the process's thread; without a reply nothing is to be
    /// sent. Gives 0 or the code of an error when the answer came at once, `nil` when it comes later.
    static func run(
        _ call: PreparedCall, on process: ReactorProcess,
        _ finish: @escaping @Sendable (_ reply: RPCReply?, _ isLate: Bool) -> Void
    ) -> Int32? {
        let slot = ReplySlot { reply in process.reactor.submit(lateReply, isOwed: true) { finish(reply, true) } }
        call.run { slot.put($0) }
        guard let reply = slot.takeNow() else { return nil }
        finish(reply.value, false)
        return RequestRunner.code(reply.value)
    }

    private static let lateReply = ReactorSites.job("MI late reply", interest: .extra)

    private struct Now { let value: RPCReply? }

    private func put(_ reply: RPCReply?) {
        let isLate = state.withLock { state in
            if case .detached = state { return true }
            state = .answered(reply)
            return false
        }
        if isLate { later(reply) }
    }

    /// The answer if it is there; from now on it comes through `later`.
    private func takeNow() -> Now? {
        state.withLock { state in
            defer { state = .detached }
            if case .answered(let reply) = state { return Now(value: reply) }
            return nil
        }
    }
}
