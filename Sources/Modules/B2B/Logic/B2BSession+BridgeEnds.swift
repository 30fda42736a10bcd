import Bytes
import Profiling
import SIPMessage
import SIPStack

/// Bridges: how they end, and what becomes of who was in them.
extension B2BSession {
    /// Both have each other.
    func complete(_ bridge: B2BBridge, _ worker: StackWorker) {
        forget(bridge)
        bridge.old.peer = bridge.new
        bridge.new.peer = bridge.old
        bridge.old.answerEarly(worker)
        if phase == .setup {
            limitLife(seconds: bridge.options.durationMaxSeconds ?? settings.durationMaxSeconds)
        }
        phase = .established
        bridge.media?.hangUp(worker)
        tell(bridge, status: 200, worker)
        let delay = bridge.options.endsOldLate ? settings.oldEntityDelaySeconds : 0
        // Who talks with somebody stays, whoever asked for the bridge.
        for entity in [bridge.former, bridge.referrer].compactMap(\.self)
        where entity.state != .terminated && entity.peer == nil {
            if delay == 0 {
                entity.hangUp(worker)
            } else {
                worker.schedule(
                    SessionTask(self) { _, worker in
                        if entity.state != .terminated, entity.peer == nil { entity.hangUp(worker) }
                    },
                    afterMilliseconds: delay * 1000)
            }
        }
    }

    /// It did not work: back to what was, or the end of all.
    func fail(_ bridge: B2BBridge, status: Int, _ worker: StackWorker) {
        forget(bridge)
        tell(bridge, status: status, worker)
        bridge.media?.hangUp(worker)
        if let waiting = bridge.new.invite {
            bridge.new.reply(
                waiting, status < 300 ? 480 : status, .empty, hasContact: false, site: B2BSites.ownReply, worker)
        }
        bridge.new.hangUp(worker)
        bridge.old.settleInvite(worker)
        guard bridge.options.rollsBack || bridge.options.endsOldLate, let former = bridge.former,
            former.state == .confirmed, bridge.old.state == .confirmed
        else { return endBridged(bridge, status: status, worker) }
        bridge.old.peer = former
        former.peer = bridge.old
        entities.removeAll { $0 === former || $0 === bridge.old }
        entities.insert(contentsOf: [bridge.old, former], at: 0)
        phase = .established
        guard bridge.hasTouchedOld, !former.media.isEmpty else { return }
        collisions = 0
        bridge.old.noteReturn(of: former.media)
        ask(bridge.old, .restore, former.media, worker)
    }

    /// The bridge is over, and what it has not asked yet with it.
    private func forget(_ bridge: B2BBridge) {
        self.bridge = nil
        putOff.removeAll { $0.step != .restore }
    }

    /// Who stays in the call as it was has answered the description that was given back.
    func restored(
        _ response: AgentResponse, _ request: OutgoingRequest, _ entity: B2BEntity, _ worker: StackWorker
    ) {
        guard response.status >= 200, entity.state != .terminated else { return }
        if response.status < 300 { return entity.acknowledge(request, worker) }
        // Another bridge has begun meanwhile.
        guard entity.peer != nil else { return }
        if response.status == 491, retryLater(.restore, request, entity, worker) { return }
        if entity.retry(response, request, worker) { return }
        endPair(entity, worker)
    }

    /// Ends who is in a call together; others in the session go on.
    func endPair(_ entity: B2BEntity, _ worker: StackWorker) {
        let peer = entity.peer
        let hasOthers = entities.contains { $0 !== entity && $0 !== peer && $0.peer != nil }
        let isBeside = bridge.map { bridge in
            [entity, peer].allSatisfy { $0 !== bridge.old && $0 !== bridge.new }
        }
        guard hasOthers || isBeside ?? false else { return end(worker) }
        peer?.hangUp(worker)
        entity.hangUp(worker)
    }

    /// The far end never had an answer of ours: its dialog is over (RFC 3261 §13.3.1.4).
    func unacknowledged(_ entity: B2BEntity, _ worker: StackWorker) {
        guard let bridge, bridge.involves(entity), entity.peer == nil else { return endPair(entity, worker) }
        if entity.state == .confirmed { entity.bye(worker) }
        bridgeLost(entity, nil, worker)
    }

    /// Ends who was in a bridge that failed, and with that the session, unless others talk in it.
    private func endBridged(_ bridge: B2BBridge, status: Int, _ worker: StackWorker) {
        guard entities.contains(where: { $0.peer != nil && $0 !== bridge.old }) else {
            guard bridge.old.state == .early, status >= 400 else { return end(worker) }
            return end(worker, status: status, reason: ByteString(StatusCode.reason(status)))
        }
        for entity in entities where entity.peer == nil { entity.hangUp(worker) }
        if phase == .bridging { phase = .established }
    }

    /// Somebody hung up while a bridge is under way.
    func bridgeLost(_ entity: B2BEntity, _ transaction: Transaction?, _ worker: StackWorker) {
        if let transaction { entity.reply(transaction, 200, "OK", site: B2BSites.ownReply, worker) }
        if let invite = entity.invite {
            entity.reply(invite, 487, "Request Terminated", site: B2BSites.ownReply, worker)
        }
        entity.settleInvite(worker)
        guard let bridge else { return entity.delete(worker) }
        let wasOld = entity === bridge.old
        let wasNew = entity === bridge.new
        if entity === bridge.former { bridge.former = nil }
        if entity === bridge.referrer { bridge.referrer = nil }
        if entity === bridge.media {
            bridge.media = nil
            bridge.isMediaPending = false
        }
        entity.delete(worker)
        if wasOld {
            forget(bridge)
            tell(bridge, status: 487, worker)
            endBridged(bridge, status: 487, worker)
        } else if wasNew {
            fail(bridge, status: 480, worker)
        } else if bridge.hasOfferWaiting, !bridge.isMediaPending {
            offer(bridge, worker)
        }
    }

    /// The failed new entity gives way to another one (`b2b_bridge_retry`).
    func retry(_ bridge: B2BBridge, with new: B2BEntity, _ worker: StackWorker) {
        bridge.new.hangUp(worker)
        // What the old one offered went to nobody.
        if bridge.old.inviteSent?.isAnswered ?? false { bridge.old.settleInvite(worker) }
        putOff.removeAll { $0.entity === bridge.old && $0.step != .mediaOffer }
        bridge.given = nil
        bridge.hasOfferWaiting = false
        bridge.new = new
        bridge.giver = new
        entities.removeAll { $0 === new }
        entities.insert(new, at: min(1, entities.count))
        callNew(bridge, worker)
    }
}
