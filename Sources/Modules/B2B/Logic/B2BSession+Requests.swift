import Bytes
import Profiling
import RouteLanguage
import RouteRuntime
import SIPDialog
import SIPMessage
import SIPStack

/// Requests that come in for a session's entities.
extension B2BSession {
    func receive(
        _ request: InboundRequest, _ transaction: Transaction?, _ entity: B2BEntity, _ worker: StackWorker, _ turn: Turn
    ) {
        let message = request.message
        guard entity.accepts(message, transaction, worker) else { return settle(turn) }
        entity.noteMedia(message)
        noteContactParameters(message, entity)
        // Whatever comes from who has no peer, as in a bridge that is under way, is no affair of the script.
        guard entity.peer != nil, let route = requestRoute, let script = logic.host.script(worker) else {
            pass(request, transaction, entity, worker)
            return settle(turn)
        }
        let context = logic.host.context(of: request, worker)
        context.avps = avps
        if let transaction { context.enterTransaction(transaction) }
        let current = B2BCurrent(session: self, entity: entity, request: request, transaction: transaction)
        context.updateState(B2BTurnState()) { $0.current = current }
        let top = TopRoute(route, as: .request, on: context, continuing: beganBy, isLinkCause: true)
        script.run(top) { [self] _ in
            finish(current, worker)
            settle(turn)
        }
    }

    /// Remembers the parameters of a contact that are passed on.
    func noteContactParameters(_ message: Message, _ entity: B2BEntity) {
        let parameters = settings.passedContactParameters(of: message)
        if !parameters.isEmpty { entity.contactParameters = parameters.compacted() }
    }

    /// A request that the route left alone is not left unanswered for ever, nor one whose call it ended or bridged.
    private func finish(_ current: B2BCurrent, _ worker: StackWorker) {
        guard let transaction = current.transaction, !current.isPassed, !transaction.isAnswered else { return }
        if current.isHandled, let message = current.request?.message {
            guard current.entity.state == .terminated else {
                return answerAlone(message, transaction, current.entity, isUsed: true, worker)
            }
            let isBye = message.method == .bye
            current.entity.reply(
                transaction, isBye ? 200 : 487, isBye ? "OK" : "Request Terminated", site: B2BSites.ownReply, worker)
            return
        }
        logic.log(
            .warning,
            "b2b_logic: the request route did nothing with \(current.request.map { $0.message.methodText.string } ?? "a request")"
        )
        current.entity.reply(transaction, 500, "Server Internal Error", site: B2BSites.ownReply, worker)
    }

    // MARK: passing on

    /// Passes a request to the peer, or does what is due when there is none.
    func pass(_ request: InboundRequest, _ transaction: Transaction?, _ entity: B2BEntity, _ worker: StackWorker) {
        let message = request.message
        guard let transaction else { return passAck(message, entity, worker) }
        guard let peer = entity.peer else { return answerAlone(message, transaction, entity, worker) }
        switch message.method {
        case .bye: passBye(message, transaction, entity, peer, worker)
        case .invite: passInvite(message, transaction, entity, peer, worker)
        case .prack: passPrack(message, transaction, entity, worker)
        default: relay(message, transaction, to: peer, worker)
        }
    }

    @discardableResult
    func relay(
        _ message: Message, _ transaction: Transaction, to peer: B2BEntity, _ worker: StackWorker
    ) -> OutgoingRequest {
        worker.probe.enter(B2BSites.passRequest)
        defer { worker.probe.exit(B2BSites.passRequest) }
        return peer.send(
            message.methodText,
            lines: settings.passedLines(of: message, isAuthTransparent: isAuthTransparent), body: message.body,
            contentType: message.value(.contentType) ?? .empty, purpose: .pass, answers: transaction,
            maxForwards: Int(message.maxForwards ?? 70) - 1, avps: avps, worker)
    }

    /// The ACK of who was answered 2xx lets the peer's 2xx be acknowledged, with the same body (an offer in the 2xx).
    private func passAck(_ message: Message, _ entity: B2BEntity, _ worker: StackWorker) {
        guard let peer = entity.peer, let sent = peer.inviteSent, sent.isAnswered, sent.answers != nil else { return }
        worker.probe.enter(B2BSites.passRequest)
        peer.acknowledge(sent, body: message.body, contentType: message.value(.contentType) ?? .empty, worker)
        worker.probe.exit(B2BSites.passRequest)
    }

    private func passBye(
        _ message: Message, _ transaction: Transaction, _ entity: B2BEntity, _ peer: B2BEntity, _ worker: StackWorker
    ) {
        if entity.isHangingUp {
            // The peer's BYE is on its way to here: both hung up at once, and neither waits for the other.
            entity.reply(transaction, 200, "OK", site: B2BSites.ownReply, worker)
            return
        }
        entity.repeater?.stop()
        entity.settleInvite(worker)
        if let invite = entity.invite {
            entity.reply(invite, 487, "Request Terminated", site: B2BSites.ownReply, worker)
        }
        guard peer.state == .confirmed else {
            // An early dialog: what rings is cancelled (RFC 3261 §15).
            entity.reply(transaction, 200, "OK", site: B2BSites.ownReply, worker)
            peer.hangUp(worker)
            entity.delete(worker)
            return
        }
        // What it asked of who hung up (RFC 3261 §15.1.2), and what it was asked.
        if let invite = peer.invite {
            peer.reply(invite, 487, "Request Terminated", site: B2BSites.ownReply, worker)
        }
        peer.settleInvite(worker)
        peer.isHangingUp = true
        relay(message, transaction, to: peer, worker)
    }

    private func passInvite(
        _ message: Message, _ transaction: Transaction, _ entity: B2BEntity, _ peer: B2BEntity, _ worker: StackWorker
    ) {
        if entity.refusesInvite(transaction, worker) { return }
        guard peer.inviteSent == nil, peer.invite == nil, peer.state == .confirmed else {
            entity.reply(transaction, 491, "Request Pending", site: B2BSites.ownReply, worker)
            return
        }
        entity.invite = transaction
        relay(message, transaction, to: peer, worker)
    }

    /// A request of who has no peer (any more).
    private func answerAlone(
        _ message: Message, _ transaction: Transaction, _ entity: B2BEntity, isUsed: Bool = false,
        _ worker: StackWorker
    ) {
        switch message.method {
        case .bye:
            if bridge != nil { return bridgeLost(entity, transaction, worker) }
            entity.reply(transaction, 200, "OK", site: B2BSites.ownReply, worker)
            entity.delete(worker)
        case .invite, .update:
            // Nobody is there who could answer an offer.
            entity.reply(transaction, 491, "Request Pending", site: B2BSites.ownReply, worker)
        case .prack: passPrack(message, transaction, entity, worker)
        case .info, .options, .notify: entity.reply(transaction, 200, "OK", site: B2BSites.ownReply, worker)
        case _ where isUsed: entity.reply(transaction, 200, "OK", site: B2BSites.ownReply, worker)
        default:
            // Whoever asks means the peer: later there is one.
            entity.reply(transaction, 491, "Request Pending", site: B2BSites.ownReply, worker)
        }
    }

    // MARK: CANCEL

    /// The caller gave up: the stack has answered it; what was passed on is cancelled too.
    func cancelled(_ transaction: Transaction, _ entity: B2BEntity, _ worker: StackWorker) {
        guard entity.invite === transaction else { return }
        entity.invite = nil
        entity.repeater?.stop()
        sendHeld(entity, worker)
        if bridge != nil, entity.peer == nil, entity.state != .confirmed { return bridgeLost(entity, nil, worker) }
        let sent = entity.peer?.inviteSent
        sent?.giveUp(worker)
        guard entity.state != .confirmed else { return }
        // The first INVITE: nothing is left of it but the other side's answer to the CANCEL.
        entity.peer?.hangUp(worker)
        entity.delete(worker)
    }
}

extension B2BEntity {
    /// An INVITE that was answered 2xx and waits for its ACK gets it now, so that the dialog can go on without the peer.
    func settleInvite(_ worker: StackWorker) {
        guard let sent = inviteSent else { return }
        if sent.isAnswered { acknowledge(sent, worker) } else { sent.giveUp(worker) }
    }
}

extension String {
    /// As header lines.
    var lines: ByteString { ByteString(self) }
}
