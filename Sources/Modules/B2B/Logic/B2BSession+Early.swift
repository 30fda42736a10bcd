import Bytes
import Profiling
import SIPDialog
import SIPMessage
import SIPStack

/// Bridges of who still rings (`b2bl_early_update`).
///
/// With whom a session is agreed on (a reliable answer and its PRACK), the bridge asks by UPDATE where it asks an answered
/// call by re-INVITE. With a caller with whom nothing is agreed there is nothing to update: its INVITE goes to the new
/// party, whose answers come as those of another fork. Nothing is kept to go back to: who was called before is cancelled.
extension B2BSession {
    func mayBridge(_ entity: B2BEntity) -> Bool {
        entity.state == .confirmed || (settings.bridgesEarly && entity.isBridgeable)
    }

    /// Whether a caller may take the place of who talks with an entity.
    func mayJoin(_ entity: B2BEntity, hasOffer: Bool) -> Bool {
        entity.state == .confirmed || (settings.bridgesEarly && entity.isUpdatable && hasOffer)
    }

    /// Who rings leaves its peer, whose INVITE is cancelled, or answered.
    func part(_ old: B2BEntity, from former: B2BEntity, _ worker: StackWorker) {
        (old.isServer ? former : old).inviteSent?.answers = nil
        former.hangUp(worker)
    }

    /// The INVITE of a caller goes to somebody else, as it went to the first.
    func callInstead(_ bridge: B2BBridge, like asked: OutgoingRequest?, _ worker: StackWorker) {
        let (old, new) = (bridge.old, bridge.new)
        // Music would be another answer to the same offer.
        bridge.media?.hangUp(worker)
        old.peer = new
        new.peer = old
        new.legBase = old.legsShown
        new.send(
            "INVITE", lines: asked?.headers ?? .empty, body: asked?.body ?? .empty,
            contentType: asked?.contentType ?? .empty, purpose: .pass, answers: old.invite, avps: avps,
            site: B2BSites.initialRequest, worker)
    }

    /// An answer to the first INVITE of who got another peer while it rang: nobody waits for it.
    func settleAlone(
        _ response: AgentResponse, _ request: OutgoingRequest, _ entity: B2BEntity, _ worker: StackWorker
    ) {
        guard request.method == .invite else { return }
        guard response.status >= 200 else {
            if let message = response.message, entity.noteReliable(message, of: request) == true {
                entity.acknowledgeReliably(message, request, worker)
            }
            return
        }
        guard response.status < 300 else {
            if entity.retry(response, request, worker) { return }
            entity.delete(worker)
            if let bridge { return fail(bridge, status: response.status, worker) }
            return end(worker)
        }
        entity.acknowledge(request, worker)
        // Another fork answered than the one that was updated: it knows nothing of the session.
        if entity.dialog.remoteTag != entity.agreedTag { end(worker) }
    }
}

extension B2BEntity {
    /// A reliable response with an answer goes to who called.
    func noteAnswer(_ message: Message, leg: Int) {
        guard !message.bodyRange.isEmpty, !media.isEmpty, message.number(.rseq) != nil,
            message.lists("100rel", in: .require)
        else { return }
        answeredTag = tag(leg: leg)
    }

    /// The INVITE of a caller whose session was updated is answered; offer and answer are through.
    func answerEarly(_ worker: StackWorker) {
        guard state == .early, let invite, let agreedTag else { return }
        reply(
            invite, 200, "OK", leg: service.keys.read(agreedTag)?.leg ?? 0, site: B2BSites.passSuccess, worker)
    }
}
