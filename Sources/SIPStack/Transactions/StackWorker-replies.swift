import Bytes
import SIPMessage
import SIPTransaction
import SIPTransport

extension StackWorker {
    /// A reply for one of the transaction's branches came in.
    func receive(_ reply: InboundReply, for transaction: Transaction, method: Method) {
        let index = reply.branch
        if method == .cancel, transaction.method != .cancel {
            step(transaction) { transaction, effects in
                guard transaction.branches.indices.contains(index), let cancel = transaction.branches[index].cancel
                else { return }
                let step = cancel.machine.receive(status: reply.message.statusCode, transaction.settings)
                cancel.deadlines.apply(retransmission: step.retransmission, lifetime: step.lifetime, now: now)
            }
            return
        }
        guard method == transaction.method else {
            count(counters.repliesFailed)
            return
        }
        var actions = ClientActions()
        var showsReply = stack.hooks.showsAllReplies
        step(transaction) { transaction, effects in
            guard transaction.branches.indices.contains(index) else { return }
            let step = transaction.branches[index].machine.receive(
                status: reply.message.statusCode, transaction.settings)
            transaction.branches[index].deadlines.apply(
                retransmission: step.retransmission, lifetime: step.lifetime, now: now)
            actions = step.actions
            showsReply = showsReply || transaction.wantsReplyHook
        }
        if actions.contains(.acknowledge) { acknowledge(reply.message, transaction, branch: index) }
        guard actions.contains(.deliver) else { return }
        guard showsReply else {
            deliver(reply, transaction, verdict: .pass)
            return
        }
        stack.hooks.reply(reply, self) { [self] verdict in deliver(reply, transaction, verdict: verdict) }
    }

    /// The ACK of a non-2xx final reply: ends at the next hop (RFC 3261 §17.1.1.3).
    private func acknowledge(_ reply: Message, _ transaction: Transaction, branch index: Int) {
        transaction.lock.lock()
        guard transaction.branches.indices.contains(index) else {
            transaction.lock.unlock()
            return
        }
        let invite = transaction.branches[index].request
        let destination = transaction.branches[index].destination
        let headers = transaction.extraHeaders
        transaction.lock.unlock()
        if let bytes = makeAck(of: invite, for: reply, headers: headers) { _ = port.send(bytes, destination) }
    }

    /// The reply, after its hook, enters the response context.
    private func deliver(_ reply: InboundReply, _ transaction: Transaction, verdict: ReplyVerdict) {
        let message = reply.message
        let index = reply.branch
        let status = message.statusCode
        if verdict.isDropped, status < 200 {
            count(counters.repliesDropped)
            step(transaction) { transaction, effects in
                // Not forwarded, but a CANCEL that waited for it may go.
                let step = transaction.fork.receive(status: 100, branch: index)
                effects.cancelled = step.cancelled
            }
            return
        }
        if status == 503, failOver(transaction, branch: index, isRefused: true) { return }
        var edits = verdict.edits
        if status > 100 {
            for observer in transaction.currentObservers { observer.received(reply, &edits, self) }
        }
        let kept = edits.isEmpty ? nil : edits
        var forwards = false
        var seat: AgentSeat?
        step(transaction) { transaction, effects in
            if status >= 200 || transaction.branches[index].response == nil
                || transaction.branches[index].response!.statusCode < 200
            {
                transaction.branches[index].response = message
                transaction.branches[index].edits = kept
            }
            let step = transaction.fork.receive(status: status, branch: index)
            forwards = step.actions.contains(.forward)
            if forwards, !transaction.isServer, let found = transaction.seat {
                if status >= 200 { found.hasFinal = true }
                found.waiting.append(AgentResponse(transaction: transaction, message: message, status: status))
                seat = found
            }
            effects.fork = step.actions
            effects.cancelled = step.cancelled
            start(step.started, transaction, &effects)
        }
        guard forwards else { return }
        guard transaction.isServer else {
            if status >= 200 { finishLocal(transaction, message, status: status, isTold: true) }
            if let seat { tell(seat, of: transaction) }
            return
        }
        let bytes = makeForwarded(
            message, edits: kept, status: status, challenges: [],
            onStream: transaction.replyDestination.transport.isReliable)
        if respond(transaction, status: status, bytes: bytes, isLocal: false, response: message) {
            count(counters.tmRelayedReplies)
        }
    }
}
