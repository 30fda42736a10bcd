import Bytes
import Profiling
import SIPMessage
import SIPStack

/// Reliable provisional responses (RFC 3262) on their way from one side to the other.
///
/// Each side has its own: the server acknowledges those of who was called itself and repeats them to who calls, one after another,
/// until the PRACK; what comes meanwhile is held. With `passthru_prack` the PRACK goes through, and who was called repeats.
extension B2BSession {
    func passReliable(_ answer: HeldAnswer, _ asker: B2BEntity, _ worker: StackWorker) {
        guard let message = answer.response.message, let rseq = message.number(.rseq), let tag = message.toTag else {
            return
        }
        let passesPRACK = logic.entities.passesPRACK
        guard passesPRACK || asker.heldAnswers.count < HeldAnswer.countMax else { return }
        let isNew = answer.entity.noteReliable(message, of: answer.request)
        guard passesPRACK else {
            guard isNew ?? false else { return }
            answer.entity.acknowledgeReliably(message, answer.request, worker)
            asker.heldAnswers.append(answer)
            return sendHeld(asker, worker)
        }
        let origin = ReliableAnswers.Origin(rseq: rseq, tag: tag.compacted())
        let toTag = asker.tag(leg: answer.entity.leg(of: message))
        let number = asker.withReliableAnswers(to: answer.waiting) {
            $0.numberPassing(origin, toTag: toTag, hasBody: answer.hasBody)
        }
        guard let number else { return }
        forward(
            answer.response, answer.waiting, asker, answer.entity, rseq: number, site: B2BSites.passProvisional, worker)
    }

    /// Keeps a 2xx until responses with a body before it are acknowledged. False: it may go.
    func holdSuccess(_ answer: HeldAnswer, _ asker: B2BEntity) -> Bool {
        guard !logic.entities.passesPRACK, asker.invite === answer.waiting, asker.reliableAnswers != nil else {
            return false
        }
        let isBodyWaiting = asker.withReliableAnswers(to: answer.waiting) { $0.isBodyWaiting }
        guard isBodyWaiting || asker.heldAnswers.contains(where: \.hasBody) else { return false }
        asker.heldAnswers.append(answer)
        return true
    }

    /// Sends what was held, as far as it may go now. When the INVITE is answered or cancelled nobody waits for it: a 2xx is
    /// acknowledged.
    func sendHeld(_ asker: B2BEntity, _ worker: StackWorker) {
        while let next = asker.heldAnswers.first, let message = next.response.message {
            let isFinal = next.response.status >= 200
            if asker.invite === next.waiting {
                let isWaiting = asker.withReliableAnswers(to: next.waiting) {
                    isFinal ? $0.isBodyWaiting : $0.isWaiting
                }
                if isWaiting { return }
            }
            asker.heldAnswers.removeFirst()
            if isFinal {
                passSuccess(next.response, next.waiting, asker, next.entity, next.request, worker)
            } else if asker.invite === next.waiting {
                send(next, message, asker, worker)
            }
        }
    }

    private func send(_ next: HeldAnswer, _ message: Message, _ asker: B2BEntity, _ worker: StackWorker) {
        guard let rseq = message.number(.rseq), let tag = message.toTag else { return }
        let origin = ReliableAnswers.Origin(rseq: rseq, tag: tag.compacted())
        let toTag = asker.tag(leg: next.entity.leg(of: message))
        let number = asker.withReliableAnswers(to: next.waiting) {
            $0.number(origin, toTag: toTag, hasBody: next.hasBody)
        }
        let isSent = forward(
            next.response, next.waiting, asker, next.entity, rseq: number, site: B2BSites.passProvisional, worker)
        if isSent { asker.repeatAnswer(next.waiting, final: false, worker) }
    }

    /// A PRACK: of something that was sent and is open still, or 481 (RFC 3262 §3).
    func passPrack(_ message: Message, _ transaction: Transaction, _ entity: B2BEntity, _ worker: StackWorker) {
        guard let rack = message.rack else {
            entity.reply(transaction, 400, "Bad RAck", site: B2BSites.ownReply, worker)
            return
        }
        let passesPRACK = logic.entities.passesPRACK
        let toTag = message.toTag ?? .empty
        guard let origin = entity.reliableAnswers?.acknowledge(rack, toTag: toTag, again: passesPRACK) else {
            entity.reply(transaction, 481, "Call/Transaction Does Not Exist", site: B2BSites.ownReply, worker)
            return
        }
        entity.stopRepeating(final: false)
        entity.noteAgreement(message.toTag)
        guard passesPRACK, let peer = entity.peer, let sent = peer.inviteSent else {
            entity.reply(transaction, 200, "OK", site: B2BSites.ownReply, worker)
            return sendHeld(entity, worker)
        }
        // It acknowledges the INVITE of the other side, whose number differs, and maybe that of its response.
        worker.probe.enter(B2BSites.passRequest)
        peer.send(
            message.methodText, toFork: origin.tag,
            lines: settings.passedLines(of: message, isAuthTransparent: isAuthTransparent)
                + "RAck: \(origin.rseq) \(sent.sequence) INVITE\r\n".lines,
            body: message.body, contentType: message.value(.contentType) ?? .empty, answers: transaction,
            maxForwards: Int(message.maxForwards ?? 70) - 1, avps: avps, worker)
        worker.probe.exit(B2BSites.passRequest)
    }
}
