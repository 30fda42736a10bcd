import Bytes
import Profiling
import SIPMessage
import SIPStack

/// Bridges: how they go on. Third-party call control after RFC 3725, with the offer from who is called anew (flow II), so that
/// nobody is left with an unacknowledged INVITE while somebody else rings.
extension B2BSession {
    /// Begins a bridge. The old entity leaves its peer; `former` says what becomes of that one.
    func start(_ bridge: B2BBridge, _ worker: StackWorker) {
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
        entities.removeAll { $0 === bridge.old || $0 === bridge.new }
        entities.insert(contentsOf: [bridge.old, bridge.new], at: 0)
        if let seconds = bridge.options.durationMaxSeconds { limitLife(seconds: seconds) }
        if isEarly, !bridge.old.isUpdatable { return callInstead(bridge, like: asked, worker) }
        tell(bridge, status: 100, worker)
        if bridge.options.holds, bridge.old.state != .new, !bridge.old.media.isEmpty {
            ask(bridge.old, .hold, (former?.media ?? bridge.old.media).onHold, worker)
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

    private func proceed(_ bridge: B2BBridge, _ worker: StackWorker) {
        if let media = bridge.media {
            bridge.isMediaPending = true
            ask(media, .media, bridge.old.media, worker)
        }
        callNew(bridge, worker)
    }

    private func callNew(_ bridge: B2BBridge, _ worker: StackWorker) {
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

    private func ask(_ entity: B2BEntity, _ step: BridgeStep, _ media: B2BMedia, _ worker: StackWorker) {
        if entity === bridge?.old, entity.state == .confirmed { bridge?.hasTouchedOld = true }
        let isUpdate = entity.isUpdatable
        let isFirst = entity.state != .confirmed && !isUpdate
        entity.send(
            isUpdate ? "UPDATE" : "INVITE", lines: isFirst ? bridge?.lines ?? .empty : .empty, body: media.body,
            contentType: media.type,
            purpose: .bridge(step), avps: avps,
            site: isFirst ? B2BSites.initialRequest : B2BSites.dialogRequest, worker)
    }

    // MARK: answers

    /// A response to an INVITE of a bridge.
    func advance(
        _ step: BridgeStep, _ response: AgentResponse, _ request: OutgoingRequest, _ entity: B2BEntity,
        _ worker: StackWorker
    ) {
        guard let bridge, entity.state != .terminated else {
            // The bridge is over: nobody waits for this any more.
            if request.method == .invite, (200..<300).contains(response.status) { entity.acknowledge(request, worker) }
            return
        }
        if response.status < 200 {
            if entity === bridge.new { tell(bridge, status: response.status, worker) }
            return
        }
        guard response.status < 300 else {
            if response.status == 491, retryLater(step, request, entity, bridge, worker) { return }
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
        case .restore: acknowledge(request)
        }
    }

    /// The giver's offer goes to the other one.
    private func offer(_ bridge: B2BBridge, _ worker: StackWorker) {
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
        bridge.new.reply(
            waiting, 200, "OK", body: entity.media.body, contentType: entity.media.type, site: B2BSites.passSuccess,
            worker)
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
        case .restore: end(worker)
        case .contact, .offer, .answer, .join: fail(bridge, status: status, worker)
        }
    }

    /// Two re-INVITEs met (RFC 3261 §14.1): asks again after 2.1 to 4 s as who made the Call-ID, up to 2 s otherwise.
    private func retryLater(
        _ step: BridgeStep, _ request: OutgoingRequest, _ entity: B2BEntity, _ bridge: B2BBridge, _ worker: StackWorker
    ) -> Bool {
        guard entity.state == .confirmed || entity.isUpdatable, bridge.collisions < 5 else { return false }
        bridge.collisions += 1
        let wait = entity.isServer ? Int.random(in: 0...200) * 10 : Int.random(in: 210...400) * 10
        let media = B2BMedia(body: request.body, type: request.contentType)
        worker.schedule(
            SessionTask(self) { session, worker in
                guard session.bridge != nil,
                    entity.isUpdatable || (entity.state == .confirmed && entity.inviteSent == nil)
                else { return }
                session.ask(entity, step, media, worker)
            }, afterMilliseconds: wait)
        return true
    }

    // MARK: ends

    /// Both have each other.
    private func complete(_ bridge: B2BBridge, _ worker: StackWorker) {
        self.bridge = nil
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
        for entity in [bridge.former, bridge.referrer].compactMap({ $0 }) where entity.state != .terminated {
            if delay == 0 {
                entity.hangUp(worker)
            } else {
                worker.schedule(
                    SessionTask(self) { _, worker in if entity.state != .terminated { entity.hangUp(worker) } },
                    afterMilliseconds: delay * 1000)
            }
        }
    }

    /// It did not work: back to what was, or the end of all.
    func fail(_ bridge: B2BBridge, status: Int, _ worker: StackWorker) {
        self.bridge = nil
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
        if bridge.hasTouchedOld, !former.media.isEmpty, bridge.old.inviteSent == nil {
            bridge.old.send(
                "INVITE", body: former.media.body, contentType: former.media.type, purpose: .bridge(.restore),
                avps: avps,
                worker)
        }
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
            tell(bridge, status: 487, worker)
            end(worker)
        } else if wasNew {
            fail(bridge, status: 480, worker)
        }
    }

    /// The failed new entity gives way to another one (`b2b_bridge_retry`).
    func retry(_ bridge: B2BBridge, with new: B2BEntity, _ worker: StackWorker) {
        bridge.new.hangUp(worker)
        bridge.new = new
        bridge.giver = new
        entities.removeAll { $0 === new }
        entities.insert(new, at: min(1, entities.count))
        callNew(bridge, worker)
    }

    // MARK: RFC 3515

    /// Tells who sent the REFER how the reference goes.
    private func tell(_ bridge: B2BBridge, status: Int, _ worker: StackWorker) {
        guard status > bridge.toldStatus else { return }
        bridge.toldStatus = status
        switch bridge.informed {
        case .party(let session, let party):
            session.act(worker) { session, worker in
                guard session.entities.indices.contains(party) else { return }
                session.notify(session.entities[party], status: status, worker)
            }
        case .sender(let sender): sender.tell(ReferNotice(status: status), records: records, worker)
        case nil: break
        }
        if bridge.options.notifies, let referrer = bridge.referrer { notify(referrer, status: status, worker) }
    }

    private func notify(_ referrer: B2BEntity, status: Int, _ worker: StackWorker) {
        guard referrer.state == .confirmed else { return }
        let notice = ReferNotice(status: status)
        referrer.send(
            "NOTIFY", lines: notice.lines, body: notice.body, contentType: ReferNotice.contentType, purpose: .notice,
            worker)
    }
}

/// Something that a session does later; nothing when it is over by then.
final class SessionTask: WorkerTask {
    private let session: WeakSession
    private let body: @Sendable (B2BSession, StackWorker) -> Void

    init(_ session: B2BSession, _ body: @escaping @Sendable (B2BSession, StackWorker) -> Void) {
        self.session = WeakSession(session)
        self.body = body
    }

    func run(on worker: StackWorker) { session.session?.act(worker, body) }

    private final class WeakSession: @unchecked Sendable {
        // @unchecked: written once, before anybody else sees it.
        weak let session: B2BSession?
        init(_ session: B2BSession) { self.session = session }
    }
}

extension B2BMedia {
    /// The same description with every stream held (RFC 3264 §8.4).
    var onHold: B2BMedia {
        guard type.hasPrefixIgnoringCase("application/sdp") else { return self }
        var writer = ByteWriter(reserving: body.count + 64)
        var hasMedia = false
        for line in body.split(at: ASCII.lineFeed) {
            let line = line.trimmed()
            if line.isEmpty || Self.directions.contains(line) { continue }
            if line.hasPrefix("m=") {
                if hasMedia { writer.append("a=inactive\r\n") }
                hasMedia = true
            }
            writer.append(line)
            writer.append("\r\n")
        }
        if hasMedia { writer.append("a=inactive\r\n") }
        return B2BMedia(body: writer.finishText(), type: type)
    }

    private static let directions: Set<ByteString> = ["a=sendrecv", "a=sendonly", "a=recvonly", "a=inactive"]
}
