package import Bytes
import SIPMessage
import SIPTransaction
import SIPTransport

extension StackWorker {
    /// Sends a reply that is made here: `t_reply`. False when a final reply went out already, or the transaction is over.
    ///
    /// A final reply cancels what is pending. `headers` are whole lines. An empty `toTag` stands for the transaction's own.
    @discardableResult
    package func reply(
        _ transaction: Transaction, status: Int, reason: ByteString, headers: ByteString = .empty,
        body: ByteString = .empty, contentType: ByteString = .empty, toTag: ByteString = .empty
    ) -> Bool {
        guard transaction.isServer, let request = transaction.originalRequest else { return false }
        let bytes = makeReply(
            to: request, status: status, reason: reason,
            toTag: status == 100 ? .empty : toTag.isEmpty ? transaction.localTag : toTag,
            source: transaction.source, forcesRport: transaction.forcesRport, headers: headers, body: body,
            contentType: contentType)
        let sent = respond(transaction, status: status, bytes: bytes, isLocal: true)
        if sent { count(counters.tmLocalReplies) }
        return sent
    }

    /// Hands reply bytes to the server machine and sends what it allows. The reply that is given is kept for repetition.
    @discardableResult
    func respond(
        _ transaction: Transaction, status: Int, bytes: [UInt8], isLocal: Bool, response: Message? = nil
    ) -> Bool {
        var effects = Effects()
        var answered = false
        transaction.lock.lock()
        guard !transaction.isOver else {
            transaction.lock.unlock()
            return false
        }
        let step = transaction.server.respond(status: status, transaction.settings)
        transaction.apply(step, &effects, now: now)
        if step.actions.contains(.send) {
            transaction.lastReply = bytes
            transaction.lastStatus = status
            transaction.isLastReplyLocal = isLocal
            effects.reply = bytes
            if status >= 200 {
                answered = true
                transaction.orphanDeadline = .max
                let finish = transaction.fork.finish(isSuccess: status < 300)
                effects.cancelled.formUnion(finish.cancelled)
            }
        } else if !isLocal, step.actions.contains(.sendOnce) {
            // A 2xx of another hop goes up whatever went before (RFC 3261 §16.7 item 5); one made here would be a second answer.
            effects.reply = bytes
        }
        let wasSent = effects.reply != nil
        let observers = answered ? transaction.observers : []
        transaction.settle(&effects, by: self)
        transaction.lock.unlock()
        perform(&effects, transaction, tellsAnswer: answered) { [self] in
            tellAnswer(transaction, status: status, response, observers)
        }
        return wasSent
    }

    private func tellAnswer(
        _ transaction: Transaction, status: Int, _ response: Message?, _ observers: [any TransactionObserver]
    ) {
        count(counters.completed[min(max(status / 100, 2), 6) - 2])
        for observer in observers { observer.answered(transaction, status: status, response: response, self) }
    }

    /// All branches have ended: tells the observers, asks the failure hook, if the transaction wants it, then answers with the best.
    /// Observers and hook see what came of the branches that were tried since the hook was asked last.
    func complete(_ transaction: Transaction) {
        transaction.lock.lock()
        let decision = transaction.fork.decision
        let observers = transaction.observers
        transaction.firstTriedLast = transaction.branchesToldFailed
        let last = transaction.fork.best(
            translates503: configuration.translates503, from: transaction.firstTriedLast)
        let response = last.branch.flatMap { transaction.branches[$0].response }
        transaction.branchesToldFailed = transaction.branches.count
        let asks = transaction.wantsFailureHook
        transaction.lock.unlock()
        for observer in observers { observer.failed(transaction, status: last.status, response: response, self) }
        guard asks else {
            decide(transaction, decision: decision)
            return
        }
        stack.hooks.failure(transaction, last, self) { [self] in decide(transaction, decision: decision) }
    }

    /// Sends the best response, unless branches were added, somebody else was asked, or an answer was given meanwhile.
    func decide(_ transaction: Transaction, decision: UInt16) {
        transaction.lock.lock()
        guard transaction.fork.phase == .deciding, transaction.fork.decision == decision, !transaction.isOver else {
            transaction.lock.unlock()
            return
        }
        let best = transaction.best(configuration)
        let response = best.branch.flatMap { transaction.branches[$0].response }
        let edits = best.branch.flatMap { transaction.branches[$0].edits }
        let isReceived = best.branch.map { !transaction.fork.isLocal($0) } ?? false
        var challenges: [Message] = []
        best.challenges.forEach { index in
            if index != best.branch, let other = transaction.branches[index].response { challenges.append(other) }
        }
        transaction.lock.unlock()
        guard transaction.isServer else {
            finishLocal(transaction, isReceived ? response : nil, status: best.status)
            return
        }
        if !transaction.isInvite, !isReceived, best.status == 408 {
            abandon(transaction)
            return
        }
        if isReceived, let response, response.statusCode >= 300 {
            let bytes = makeForwarded(
                response, edits: edits, status: best.status, challenges: challenges,
                onStream: transaction.replyDestination.transport.isReliable)
            if respond(transaction, status: best.status, bytes: bytes, isLocal: false, response: response) {
                count(counters.tmRelayedReplies)
            }
        } else {
            reply(transaction, status: best.status, reason: ByteString(Self.reason(best.status)))
        }
    }

    /// RFC 4320 §4.1: a 408 would come when the client has given up already. Nothing is sent; who watches is told of the 408.
    private func abandon(_ transaction: Transaction) {
        var effects = Effects()
        transaction.lock.lock()
        let wasOpen = !transaction.isOver && transaction.server.isOpen
        if wasOpen {
            _ = transaction.fork.finish()
            transaction.apply(transaction.server.abandon(), &effects, now: now)
            transaction.orphanDeadline = .max
        }
        let observers = transaction.observers
        transaction.settle(&effects, by: self)
        transaction.lock.unlock()
        perform(&effects, transaction, tellsAnswer: wasOpen) { [self] in
            tellAnswer(transaction, status: 408, nil, observers)
        }
    }

    /// A request that was made here is answered, or given up.
    func finishLocal(_ transaction: Transaction, _ response: Message?, status: Int, isTold: Bool = false) {
        var completion: LocalCompletion?
        var seat: AgentSeat?
        step(transaction) { transaction, effects in
            completion = transaction.onLocalFinal
            transaction.onLocalFinal = nil
            effects.cancelled = transaction.fork.finish().cancelled
            guard !isTold, let found = transaction.seat, !found.hasFinal else { return }
            found.hasFinal = true
            found.waiting.append(AgentResponse(transaction: transaction, message: response, status: status))
            seat = found
        }
        completion?(response, status, self)
        if let seat { tell(seat, of: transaction) }
    }

    package static func reason(_ status: Int) -> StaticString {
        switch status {
        case 408: "Request Timeout"
        case 477: "Send failed (477/TM)"
        case 478: "Unresolvable destination (478/TM)"
        case 480: "Temporarily Unavailable"
        case 487: "Request Terminated"
        case 500: "Server Internal Error"
        case 503: "Service Unavailable"
        default: "Failed"
        }
    }
}

extension Transaction {
    /// With `lock` held.
    func best(_ configuration: StackConfiguration) -> BestResponse {
        fork.best(translates503: configuration.translates503, lastFrom: firstTriedLast)
    }
}
