import Bytes
import SIPMessage
import SIPTransaction
import SIPTransport

extension StackWorker {
    /// Does what a step left to do. No lock is held. Before the end of a transaction that it answered, `tell` is called.
    func perform(_ effects: inout Effects, _ transaction: Transaction, tellsAnswer: Bool, _ tell: () -> Void) {
        let isOver = effects.isOver
        effects.isOver = false
        perform(&effects, transaction)
        if tellsAnswer { tell() }
        if isOver { end(transaction) }
    }

    /// Does what a step left to do. No lock is held.
    func perform(_ effects: inout Effects, _ transaction: Transaction) {
        if let reply = effects.reply { _ = port.send(reply, transaction.replyDestination) }
        if effects.beginsReplying { noteReplying(transaction) }
        if let first = effects.first {
            send(first, transaction)
            for datagram in effects.more { send(datagram, transaction) }
        }
        if effects.needsTrying { sayTrying(transaction) }
        effects.cancelled.forEach { startCancel(transaction, branch: $0) }
        let status = effects.failedStatus
        effects.failed.forEach { branchFailed(transaction, branch: $0, status: status) }
        if effects.fork.contains(.complete) { complete(transaction) }
        if effects.isExpired { decide(transaction, decision: transaction.lock.withLock { transaction.fork.decision }) }
        if let armed = effects.armed {
            arm(transaction, deadline: armed.deadline, generation: armed.generation)
        }
        if effects.isOver { end(transaction) }
    }

    private func send(_ datagram: Effects.Datagram, _ transaction: Transaction) {
        if !port.send(datagram.bytes, datagram.destination), datagram.branch >= 0 {
            transportFailed(transaction, branch: datagram.branch)
        }
    }

    private func sayTrying(_ transaction: Transaction) {
        reply(transaction, status: 100, reason: "Giving it a try")
    }

    /// The transaction is over: out of the table, and everything that it holds is let go.
    func end(_ transaction: Transaction) {
        stack.table.remove(transaction)
        transaction.lock.lock()
        // Freed after unlocking.
        let payload = (
            transaction.request, transaction.branches, transaction.lastReply, transaction.userState,
            transaction.onLocalFinal, transaction.observers, transaction.seat
        )
        transaction.request = nil
        transaction.branches = []
        transaction.lastReply = []
        transaction.userState = nil
        transaction.seat = nil
        transaction.onLocalFinal = nil
        transaction.observers = []
        transaction.key = .none
        transaction.lock.unlock()
        for observer in payload.5 { observer.ended(transaction, self) }
        payload.3?.transactionEnded()
    }

    // MARK: timers

    /// A deadline came up; it means nothing if another was armed since.
    func fire(_ transaction: Transaction, generation: UInt32, now: Int) {
        var effects = Effects()
        transaction.lock.lock()
        guard !transaction.isOver, transaction.generation == generation else {
            transaction.lock.unlock()
            return
        }
        transaction.armedDeadline = .max
        fireServer(transaction, &effects, now)
        for index in transaction.branches.indices {
            while let timer = transaction.branches[index].deadlines.take(dueAt: now) {
                fireBranch(transaction, index, timer, &effects, now)
            }
            while let timer = transaction.branches[index].cancel?.deadlines.take(dueAt: now) {
                fireCancel(transaction, index, timer, &effects, now)
            }
        }
        transaction.settle(&effects, by: self)
        transaction.lock.unlock()
        perform(&effects, transaction)
    }

    private func fireServer(_ transaction: Transaction, _ effects: inout Effects, _ now: Int) {
        while let timer = transaction.serverDeadlines.take(dueAt: now) {
            if timer == .g { count(counters.replyRetransmissions) }
            transaction.apply(transaction.server.fire(timer, transaction.settings), &effects, now: now)
        }
        if transaction.orphanDeadline <= now { fireOrphan(transaction, &effects, now) }
    }

    private func fireBranch(
        _ transaction: Transaction, _ index: Int, _ timer: TransactionTimer, _ effects: inout Effects, _ now: Int
    ) {
        let step = transaction.branches[index].machine.fire(timer, transaction.settings)
        transaction.branches[index].deadlines.apply(
            retransmission: step.retransmission, lifetime: step.lifetime, now: now)
        if step.actions.contains(.send) {
            let sendings = Int(transaction.branches[index].sendings)
            count(counters.requestRetransmissions[min(max(sendings, 1), 4) - 1])
            transaction.branches[index].sendings &+= 1
            effects.send(transaction.branches[index].request, transaction.branches[index].destination, branch: index)
        }
        if step.actions.contains(.cancel) {
            transaction.fork.noteCancelSent(index)
            effects.cancelled.insert(BranchSet(index))
        }
        if step.actions.contains(.timedOut) {
            count(timer == .c ? counters.timeoutsNoFinal : counters.timeoutsNoReply)
            effects.failed.insert(BranchSet(index))
            effects.failedStatus = 408
        }
    }

    private func fireCancel(
        _ transaction: Transaction, _ index: Int, _ timer: TransactionTimer, _ effects: inout Effects, _ now: Int
    ) {
        guard let cancel = transaction.branches[index].cancel else { return }
        let step = cancel.machine.fire(timer, transaction.settings)
        cancel.deadlines.apply(retransmission: step.retransmission, lifetime: step.lifetime, now: now)
        if step.actions.contains(.send) {
            effects.send(cancel.request, transaction.branches[index].destination, branch: -1)
        }
    }

    // MARK: CANCEL

    /// Sends the CANCEL of a branch: a transaction of its own, by the same way as the INVITE (RFC 3261 §9.1).
    func startCancel(_ transaction: Transaction, branch index: Int) {
        transaction.lock.lock()
        guard !transaction.isOver, transaction.branches[index].cancel == nil else {
            transaction.lock.unlock()
            return
        }
        let invite = transaction.branches[index].request
        let reason = transaction.cancelReason
        let headers = transaction.extraHeaders
        transaction.lock.unlock()
        guard let bytes = makeCancel(of: invite, headers: headers + reason) else { return }
        step(transaction) { transaction, effects in
            guard transaction.branches[index].cancel == nil else { return }
            let cancel = CancelBranch(
                request: bytes, isReliable: transaction.branches[index].destination.transport.isReliable)
            let started = cancel.machine.start(transaction.settings)
            cancel.deadlines.apply(retransmission: started.retransmission, lifetime: started.lifetime, now: now)
            transaction.branches[index].cancel = cancel
            let waiting = transaction.branches[index].machine.cancelSent(transaction.settings)
            transaction.branches[index].deadlines.apply(
                retransmission: waiting.retransmission, lifetime: waiting.lifetime, now: now)
            effects.send(bytes, transaction.branches[index].destination, branch: -1)
        }
    }
}
