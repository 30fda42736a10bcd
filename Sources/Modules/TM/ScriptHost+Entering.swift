import RouteLanguage
package import RouteRuntime
import SIPMessage
import SIPStack

/// The transaction of a request, made if there is none; or what the function that asked for it returns.
enum TransactionEntry {
    case transaction(Transaction, isNew: Bool)
    case end(Outcome)
}

extension ScriptHost {
    /// Finds the transaction of a request, or makes it.
    func enter(_ context: MessageContext, _ worker: StackWorker, saysTrying: Bool = true) -> TransactionEntry {
        let state = context.makeTMState()
        if let transaction = state.transaction { return .transaction(transaction, isNew: false) }
        guard let request = inbound(context) else { return .end(.done(RelayCode.badMessage)) }
        switch worker.makeTransaction(
            for: request, forcesRport: context.forceRport, saysTrying: saysTrying, user: state, records: context.records
        )
        {
        case .created(let transaction):
            state.update { $0.messageFlags = context.messageFlags }
            state.begin(transaction)
            let values = state.values
            if let seconds = values.finalInviteTimeout {
                transaction.finalInviteResponseTimeout = UInt32(clamping: seconds * 1_000)
            }
            return .transaction(transaction, isNew: true)
        // Absorbed, or answered: nothing is left for the script to do.
        case .retransmission, .refused: return .end(.done(0))
        case .unusable: return .end(.done(RelayCode.badMessage))
        }
    }

    /// Makes the transaction that an `async` statement of a request route belongs to. An ACK or a CANCEL makes none; its script
    /// waits without.
    package var beforeAsync: @Sendable (ScriptRun) -> Outcome? {
        { [self] run in
            guard run.kind == .request, run.context.message.isRequest, run.context.tmTransaction == nil,
                let worker = worker(run.process)
            else { return nil }
            switch run.context.message.method {
            case .ack, .cancel: return nil
            default: break
            }
            switch enter(run.context, worker) {
            case .transaction: return nil
            // A retransmission of what waits already, or a request that makes no transaction: it ends here.
            case .end: return .exit
            }
        }
    }
}

/// Tells once that a transaction was answered, or is over without.
private final class EndObserver: TransactionObserver {
    private let body: @Sendable () -> Void

    init(_ body: @escaping @Sendable () -> Void) {
        self.body = body
    }

    func answered(_ transaction: Transaction, status: Int, response: Message?, _ worker: StackWorker) { body() }

    func ended(_ transaction: Transaction, _ worker: StackWorker) { body() }
}

extension TMState: AwaitedTransaction {
    package var isAwaited: Bool { transaction.map { $0.isServer && !$0.isAnswered } ?? false }

    package func whenAnswered(_ body: @escaping @Sendable () -> Void) {
        transaction?.observe(EndObserver(body))
    }
}
