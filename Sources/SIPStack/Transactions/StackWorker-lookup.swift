package import Bytes
package import Profiling
import Reactor
import SIPMessage
package import SIPTransaction
import SIPTransport

/// What a request is to the transactions that exist.
package enum RequestMatch {
    /// Belongs to none.
    case none
    /// Came before; `StackWorker.absorb` does what is due.
    case retransmission(Transaction)
    /// ACK of a non-2xx answer given here: it ends at this hop.
    case acknowledgement(Transaction)
    /// CANCEL of this INVITE.
    case cancel(Transaction)
}

/// How the making of a transaction went.
package enum TransactionCreation {
    case created(Transaction)
    /// There is one already: the request came again. It was absorbed.
    case retransmission(Transaction)
    /// Limits are reached; a 503 was sent.
    case refused
    /// The request has no usable Via or CSeq.
    case unusable
}

extension StackWorker {
    /// What the request is to the transactions that exist. ACK and CANCEL are looked up by their INVITE.
    package func match(_ request: InboundRequest) -> RequestMatch {
        guard let key = MatchKey(request.message) else { return .none }
        let purpose: MatchPurpose =
            switch request.message.method {
            case .ack: .acknowledge
            case .cancel: .cancel
            default: .same
            }
        guard let found = stack.table.find(hash: key.hash, key: key, as: purpose, configuration.matching) else {
            return .none
        }
        return switch purpose {
        case .same: .retransmission(found)
        case .acknowledge: .acknowledgement(found)
        case .cancel: .cancel(found)
        }
    }

    /// Makes the transaction of a request, or absorbs the request if it has one: atomically, whatever other processes do.
    ///
    /// - Parameters:
    ///   - forcesRport: replies go to the address and port that the request came from, asked for or not.
    ///   - saysTrying: false suppresses the automatic 100.
    ///   - records: the session that handles the request.
    ///   - owner: who answers it, so that nothing that comes at once, a CANCEL say, misses it.
    package func makeTransaction(
        for request: InboundRequest, forcesRport: Bool = false, saysTrying: Bool = true,
        user: (any TransactionUser)? = nil,
        records: SessionLink = .none, owner: (any TransactionOwner)? = nil
    ) -> TransactionCreation {
        guard let key = MatchKey(request.message), let via = request.message.topVia else { return .unusable }
        let transaction = Transaction(
            key: key, hash: key.hash, request: request.message, isServer: true, source: request.source,
            replyDestination: replyDestination(of: request, via: via, forcesRport: forcesRport),
            isReliable: request.socket.transport.isReliable, localTagNumber: makeUnique(), configuration: configuration)
        transaction.forcesRport = forcesRport
        transaction.userState = user
        transaction.records = records
        transaction.orphanDeadline = now + Int(transaction.settings.finalInviteResponse)
        if let owner { transaction.seat(owner, now: now) }
        switch stack.table.insert(transaction, matching: configuration.matching) {
        case .full:
            replyStateless(request, status: 503, reason: "Server Overloaded", headers: "Retry-After: 5\r\n")
            return .refused
        case .found(let existing):
            absorb(existing)
            return .retransmission(existing)
        case .inserted:
            break
        }
        count(counters.serverTransactions)
        var effects = Effects()
        transaction.lock.lock()
        let step = transaction.server.start(
            trying: saysTrying ? configuration.trying : .never, transaction.settings)
        transaction.apply(step, &effects, now: now)
        transaction.settle(&effects, by: self)
        transaction.lock.unlock()
        perform(&effects, transaction)
        return .created(transaction)
    }

    /// The request of a transaction came again: the last reply goes out again, if there is one.
    package func absorb(_ transaction: Transaction) {
        var effects = Effects()
        transaction.lock.lock()
        let step = transaction.server.receiveAgain()
        transaction.apply(step, &effects, now: now)
        transaction.lock.unlock()
        perform(&effects, transaction)
    }

    /// An ACK that matches an INVITE transaction came. True: it ended here. False: the answer was a 2xx, the ACK belongs
    /// to the far end and is to be forwarded.
    package func absorbAck(_ transaction: Transaction) -> Bool {
        var effects = Effects()
        transaction.lock.lock()
        let step = transaction.server.acknowledge(transaction.settings)
        transaction.apply(step, &effects, now: now)
        transaction.settle(&effects, by: self)
        transaction.lock.unlock()
        perform(&effects, transaction)
        return !step.actions.contains(.deliver)
    }

    /// A CANCEL that matches came: 200 to the CANCEL, the branches are cancelled, and the INVITE is answered 487 when they
    /// have ended (RFC 3261 §9.2, §16.10). May come more than once.
    package func cancel(_ transaction: Transaction, with request: InboundRequest, reason: ByteString = .empty) {
        if !reason.isEmpty { transaction.setCancelReason(reason) }
        replyStateless(request, status: 200, reason: "canceling", toTag: transaction.localTag)
        cancelAll(transaction, by: request)
    }

    /// Cancels everything that is pending. The transaction then ends with the answer of its branches, or 487. Its owner is told of
    /// the first time, in the step that `adopt` refuses behind.
    package func cancelAll(_ transaction: Transaction, by request: InboundRequest? = nil) {
        for observer in transaction.currentObservers { observer.cancelled(transaction, by: request, self) }
        var owner: (any TransactionOwner)?
        step(transaction) { transaction, effects in
            guard transaction.server.isOpen || !transaction.isServer else { return }
            if !transaction.fork.isCancelled { owner = transaction.seat?.owner }
            let step = transaction.fork.cancelAll()
            effects.fork = step.actions
            effects.cancelled = step.cancelled
        }
        owner?.cancelled(transaction, by: request, self)
    }

    /// Cancels some branches and lets the rest go on (`t_cancel_branch`).
    package func cancel(_ transaction: Transaction, branches: BranchSet) {
        step(transaction) { transaction, effects in
            let step = transaction.fork.cancel(branches)
            effects.fork = step.actions
            effects.cancelled = step.cancelled
        }
    }

    /// Ends a wait for more branches (`t_wait_no_more_branches`).
    package func stopWaitingForBranches(_ transaction: Transaction) {
        step(transaction) { transaction, effects in
            let step = transaction.fork.release()
            effects.fork = step.actions
            effects.cancelled = step.cancelled
        }
    }

    /// Branches were added from outside (`t_inject_branches`): a wait for them may be over.
    package func noteInjected(_ transaction: Transaction, count: Int, isLast: Bool) {
        step(transaction) { transaction, effects in
            let step = transaction.fork.noteInjected(count, isLast: isLast)
            effects.fork = step.actions
            effects.cancelled = step.cancelled
        }
    }

    /// Steps under the lock, then does what is due.
    func step(_ transaction: Transaction, _ body: (Transaction, inout Effects) -> Void) {
        var effects = Effects()
        transaction.lock.lock()
        if !transaction.isOver { body(transaction, &effects) }
        transaction.settle(&effects, by: self)
        transaction.lock.unlock()
        perform(&effects, transaction)
    }
}

extension Transaction {
    /// Puts a server step into what is to be done. With `lock` held.
    func apply(_ step: ServerStep, _ effects: inout Effects, now: Int) {
        serverDeadlines.apply(retransmission: step.retransmission, lifetime: step.lifetime, now: now)
        if step.actions.contains(.sendAgain), !lastReply.isEmpty { effects.reply = lastReply }
        if step.actions.contains(.trying) { effects.needsTrying = true }
    }
}
