package import SIPMessage
import SIPTransaction

/// What a user agent of the server's own gets for a request that it sent: a response, or what stands for none.
package struct AgentResponse: Sendable {
    /// The request's transaction; nil when it could not be made.
    package let transaction: Transaction?
    /// nil: there was none, and `status` says why (408, 477, 478, 503).
    package let message: Message?
    package let status: Int

    package init(transaction: Transaction?, message: Message?, status: Int) {
        self.transaction = transaction
        self.message = message
        self.status = status
    }
}

/// A user agent of the server's own: told of what becomes of a request that it sends (`LocalRequest.agent`).
///
/// Called on the process that serves the message, with no lock held. Responses of one transaction come one after another, in
/// the order in which the transaction was stepped, whichever processes read them.
package protocol TransactionAgent: AnyObject, Sendable {
    /// The transaction was made; the request has not been sent yet.
    func begin(_ transaction: Transaction, _ worker: StackWorker)
    /// A response above 100: of an INVITE each provisional one, each 2xx (repeated, of forks, late), and the one final failure.
    func receive(_ response: AgentResponse, _ worker: StackWorker)
}

/// Who of this server answers a request from outside (`StackWorker.adopt`).
package protocol TransactionOwner: AnyObject, Sendable {
    /// An INVITE that it had not answered was cancelled, by the far end (`request`) or here (nil): the stack sends 200 to the CANCEL and
    /// 487. Once, on the process that did it, without a lock.
    func cancelled(_ transaction: Transaction, by request: InboundRequest?, _ worker: StackWorker)
}

/// Who of this server a transaction belongs to, and what the agent has not been told yet. Guarded by the transaction's lock.
final class AgentSeat {
    /// Of a request sent here.
    let agent: (any TransactionAgent)?
    /// Who answers a request from outside.
    let owner: (any TransactionOwner)?
    var waiting: [AgentResponse] = []
    var isBeingTold = false
    var hasFinal = false

    init(agent: any TransactionAgent) {
        self.agent = agent
        owner = nil
    }

    init(owner: any TransactionOwner) {
        self.owner = owner
        agent = nil
    }
}

extension Transaction {
    /// Who of this server answers the request; nil: nobody said so, or the transaction is over.
    package var owner: (any TransactionOwner)? { lock.withLock { seat?.owner } }

    /// With `lock` held, or before anybody else knows the transaction.
    func seat(_ owner: any TransactionOwner, now: Int) {
        seat = AgentSeat(owner: owner)
        if isInvite { orphanDeadline = now + StackWorker.adoptedMilliseconds }
    }
}

extension StackWorker {
    /// How long who adopted an INVITE may take to answer it. Far beyond any call that rings: who forgets one leaks it no longer.
    static let adoptedMilliseconds = 24 * 3_600_000

    /// Says that `owner` answers a transaction: an INVITE no longer ends by itself when nobody does within the usual time. False:
    /// it is answered, cancelled or relayed already, or somebody else's. True: of a CANCEL the owner is told.
    package func adopt(_ transaction: Transaction, by owner: any TransactionOwner) -> Bool {
        var isAdopted = false
        step(transaction) { transaction, _ in
            guard transaction.seat == nil, transaction.server.isOpen, !transaction.fork.isCancelled,
                transaction.branches.isEmpty
            else { return }
            transaction.seat(owner, now: now)
            isAdopted = true
        }
        return isAdopted
    }

    /// Hands the agent what waits for it, unless another process is doing so.
    func tell(_ seat: AgentSeat, of transaction: Transaction) {
        guard let agent = seat.agent else { return }
        while true {
            transaction.lock.lock()
            guard !seat.isBeingTold, !seat.waiting.isEmpty else {
                transaction.lock.unlock()
                return
            }
            let responses = seat.waiting
            seat.waiting = []
            seat.isBeingTold = true
            transaction.lock.unlock()
            for response in responses { agent.receive(response, self) }
            transaction.lock.withLock { seat.isBeingTold = false }
        }
    }
}
