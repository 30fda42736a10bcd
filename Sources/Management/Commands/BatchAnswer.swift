package import JSONRPC
import Synchronization

extension CommandDispatcher.Preparation {
    /// Carries out what was prepared. `carryOut` is given each call and what to do with its reply; `deliver` is called
    /// once, with everything that is to be said, or `nil` when that is nothing.
    package func run(
        _ carryOut: (PreparedCall, _ done: @escaping @Sendable (RPCReply?) -> Void) -> Void,
        _ deliver: @escaping @Sendable (RPCAnswer?) -> Void
    ) {
        switch self {
        case .refused(let reply): deliver(reply.map { .reply($0) })
        case .ready(let call): carryOut(call) { reply in deliver(reply.map { .reply($0) }) }
        case .batch(let calls):
            let answer = BatchAnswer(count: calls.count, deliver)
            for (index, call) in calls.enumerated() {
                switch call {
                case .refused(let reply): answer.put(reply, at: index)
                case .ready(let call): carryOut(call) { answer.put($0, at: index) }
                case .batch: preconditionFailure("a batch inside a batch: classify makes none")
                }
            }
        }
    }
}

/// Gathers the replies of a batch until the last call has been answered.
private final class BatchAnswer: Sendable {
    private struct State {
        var replies: [RPCReply?]
        var waiting: Int
    }

    private let state: Mutex<State>
    private let deliver: @Sendable (RPCAnswer?) -> Void

    init(count: Int, _ deliver: @escaping @Sendable (RPCAnswer?) -> Void) {
        state = Mutex(State(replies: Array(repeating: nil, count: count), waiting: count))
        self.deliver = deliver
    }

    func put(_ reply: RPCReply?, at index: Int) {
        let replies: [RPCReply]? = state.withLock { state in
            state.replies[index] = reply
            state.waiting -= 1
            return state.waiting == 0 ? state.replies.compactMap(\.self) : nil
        }
        if let replies { deliver(replies.isEmpty ? nil : .batch(replies)) }
    }
}
