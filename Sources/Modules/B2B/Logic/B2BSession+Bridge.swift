import Bytes
import Profiling
import SIPMessage
import SIPStack

/// Bridges: how they go on. Third-party call control after RFC 3725, with the offer from who is called anew (flow II), so that
/// nobody is left with an unacknowledged INVITE while somebody else rings.
extension B2BSession {
    /// Begins a bridge. The old entity leaves its peer; `former` says what becomes of that one.
    func start(_ bridge: B2BBridge, _ worker: StackWorker) {
        bridgesBegun += 1
        bridge.number = bridgesBegun
        collisions = 0
        putOff.removeAll { $0.step != .restore || $0.entity === bridge.old }
        let isEarly = bridge.old.state == .early
        if !isEarly || bridge.old.isUpdatable { self.bridge = bridge }
        if phase != .setup { phase = .bridging }
        let former = bridge.old.peer
        let asked = former?.inviteSent
        if former !== bridge.new {
            bridge.old.peer = nil
            if former?.peer === bridge.old { former?.peer = nil }
            if let former, isEarly {
                part(bridge.old, from: former, worker)
            } else if let former {
                place(former, in: bridge, worker)
            }
        }
        for entity in [bridge.old, former].compactMap(\.self) { calmDown(entity, worker) }
        entities.removeAll { $0 === bridge.old || $0 === bridge.new }
        entities.insert(contentsOf: [bridge.old, bridge.new], at: 0)
        if let seconds = bridge.options.durationMaxSeconds { limitLife(seconds: seconds) }
        if isEarly, !bridge.old.isUpdatable { return callInstead(bridge, like: asked, worker) }
        tell(bridge, status: 100, worker)
        if bridge.options.holds, bridge.old.state != .new, !bridge.old.media.isEmpty {
            let media = former?.media ?? bridge.old.media
            bridge.old.noteChange(of: media)
            ask(bridge.old, .hold, media.onHold, worker)
        } else {
            proceed(bridge, worker)
        }
    }

    /// Keeps the former peer as long as it may be needed, or hangs it up.
    private func place(_ former: B2BEntity, in bridge: B2BBridge, _ worker: StackWorker) {
        if bridge.options.rollsBack || bridge.options.endsOldLate {
            bridge.former = former
        } else if former !== bridge.referrer {
            former.hangUp(worker)
        }
    }

    /// What is open between who stays and the former peer is brought to an end: nobody would go on with it.
    private func calmDown(_ entity: B2BEntity, _ worker: StackWorker) {
        guard entity.state == .confirmed else { return }
        if let invite = entity.invite {
            entity.reply(invite, 491, "Request Pending", site: B2BSites.ownReply, worker)
        }
        entity.settleInvite(worker)
    }

    private func proceed(_ bridge: B2BBridge, _ worker: StackWorker) {
        if let media = bridge.media {
            bridge.isMediaPending = true
            ask(media, .media, bridge.old.media, worker)
        }
        callNew(bridge, worker)
    }

    func callNew(_ bridge: B2BBridge, _ worker: StackWorker) {
        if bridge.new.invite != nil {
            // Somebody joins with an offer of their own, or waits for one.
            bridge.giver = bridge.new
            ask(bridge.old, .join, bridge.new.media, worker)
        } else if bridge.options.avoidsLateOffer, bridge.old.state == .confirmed, !bridge.old.media.isEmpty {
            ask(bridge.new, .contact, bridge.old.media, worker)
        } else {
            bridge.giver = bridge.old.state == .confirmed || bridge.old.isUpdatable ? bridge.new : bridge.old
            ask(bridge.giver, .offer, B2BMedia(), worker)
        }
    }

    /// Asks as soon as nothing else is asked.
    func ask(_ entity: B2BEntity, _ step: BridgeStep, _ media: B2BMedia, _ worker: StackWorker) {
        let isUpdate = entity.isUpdatable
        guard isUpdate || entity.inviteSent == nil else {
            putOff.append(BridgeAsk(entity: entity, step: step, media: media))
            return
        }
        if entity === bridge?.old, entity.state == .confirmed { bridge?.hasTouchedOld = true }
        let isFirst = entity.state != .confirmed && !isUpdate
        entity.send(
            isUpdate ? "UPDATE" : "INVITE", lines: isFirst ? bridge?.lines ?? .empty : .empty, body: media.body,
            contentType: media.type,
            purpose: .bridge(step, number: bridgesBegun), avps: avps,
            site: isFirst ? B2BSites.initialRequest : B2BSites.dialogRequest, worker)
    }

    /// Asks what had to wait and need not any more. At the end of each turn.
    func askPutOff(_ worker: StackWorker) {
        guard !putOff.isEmpty else { return }
        let waiting = putOff
        putOff = []
        for one in waiting where one.entity.state != .terminated { ask(one.entity, one.step, one.media, worker) }
    }

    // MARK: answers

    /// A response to an INVITE of a bridge.
    func advance(
        _ step: BridgeStep, number: Int, _ response: AgentResponse, _ request: OutgoingRequest, _ entity: B2BEntity,
        _ worker: StackWorker
    ) {
        if step == .restore { return restored(response, request, entity, worker) }
        guard let bridge, bridge.number == number, entity.state != .terminated else {
            // The bridge is over: nobody waits for this any more.
            if request.method == .invite, (200..<300).contains(response.status) { entity.acknowledge(request, worker) }
            return
        }
        if response.status < 200 {
            if entity === bridge.new { tell(bridge, status: response.status, worker) }
            return
        }
        guard response.status < 300 else {
            if response.status == 491, retryLater(step, request, entity, worker) { return }
            if entity.retry(response, request, worker) { return }
            return refused(step, response.status, entity, bridge, worker)
        }
        succeeded(step, request, entity, bridge, worker)
    }

    private func succeeded(
        _ step: BridgeStep, _ request: OutgoingRequest, _ entity: B2BEntity, _ bridge: B2BBridge, _ worker: StackWorker
    ) {
        func acknowledge(_ request: OutgoingRequest) {
            if request.method == .invite { entity.acknowledge(request, worker) }
        }
        switch step {
        case .hold:
            acknowledge(request)
            proceed(bridge, worker)
        case .media:
            acknowledge(request)
            ask(bridge.old, .mediaOffer, entity.media, worker)
        case .mediaOffer:
            acknowledge(request)
            bridge.isMediaPending = false
            if bridge.hasOfferWaiting { offer(bridge, worker) }
        case .contact:
            acknowledge(request)
            bridge.giver = bridge.old
            ask(bridge.old, .offer, B2BMedia(), worker)
        case .offer:
            bridge.given = request
            bridge.hasOfferWaiting = true
            if !bridge.isMediaPending { offer(bridge, worker) }
        case .answer:
            acknowledge(request)
            if let given = bridge.given {
                bridge.giver.acknowledge(given, body: entity.media.body, contentType: entity.media.type, worker)
            }
            complete(bridge, worker)
        case .join: joined(request, entity, bridge, worker)
        case .restore: break
        }
    }

    /// The giver's offer goes to the other one.
    func offer(_ bridge: B2BBridge, _ worker: StackWorker) {
        bridge.hasOfferWaiting = false
        ask(bridge.answerer, .answer, bridge.giver.media, worker)
    }

    /// The participant took what the caller offered, or offers itself: the caller is answered, and its ACK passed on as usual.
    private func joined(
        _ request: OutgoingRequest, _ entity: B2BEntity, _ bridge: B2BBridge, _ worker: StackWorker
    ) {
        guard let waiting = bridge.new.invite else { return fail(bridge, status: 487, worker) }
        if request.method == .invite { request.answers = waiting }
        bridge.old.peer = bridge.new
        bridge.new.peer = bridge.old
        let isAnswered = bridge.new.reply(
            waiting, 200, "OK", body: entity.media.body, contentType: entity.media.type, site: B2BSites.passSuccess,
            worker)
        guard isAnswered else { return fail(bridge, status: 487, worker) }
        complete(bridge, worker)
    }

    private func refused(
        _ step: BridgeStep, _ status: Int, _ entity: B2BEntity, _ bridge: B2BBridge, _ worker: StackWorker
    ) {
        switch step {
        case .hold: proceed(bridge, worker)
        case .media, .mediaOffer:
            // Nothing to hear while it rings; the bridge itself goes on.
            bridge.isMediaPending = false
            bridge.media?.hangUp(worker)
            bridge.media = nil
            if bridge.hasOfferWaiting { offer(bridge, worker) }
        case .restore: break
        case .contact, .offer, .answer, .join: fail(bridge, status: status, worker)
        }
    }

    /// Two re-INVITEs met (RFC 3261 §14.1): asks again after 2.1 to 4 s as who made the Call-ID, up to 2 s otherwise.
    func retryLater(
        _ step: BridgeStep, _ request: OutgoingRequest, _ entity: B2BEntity, _ worker: StackWorker
    ) -> Bool {
        guard entity.state == .confirmed || entity.isUpdatable, collisions < 5 else { return false }
        collisions += 1
        let wait = entity.isServer ? Int.random(in: 0...200) * 10 : Int.random(in: 210...400) * 10
        let media = B2BMedia(body: request.body, type: request.contentType)
        let number = bridgesBegun
        worker.schedule(
            SessionTask(self) { session, worker in
                // Not when another bridge has begun meanwhile, or this one is over; a call to be restored has none.
                guard session.bridgesBegun == number, (session.bridge == nil) == (step == .restore),
                    entity.state == .confirmed || entity.isUpdatable
                else { return }
                session.ask(entity, step, media, worker)
            }, afterMilliseconds: wait)
        return true
    }
}
