import Bytes
import Profiling
import RouteLanguage
import RouteRuntime
import SIPDialog
import SIPMessage
import SIPStack

/// Responses to what a session's entities sent.
extension B2BSession {
    func receive(
        _ response: AgentResponse, _ request: OutgoingRequest, _ entity: B2BEntity, _ worker: StackWorker, _ turn: Turn
    ) {
        guard entity.learn(response, request, worker) else { return settle(turn) }
        if request.method == .invite, let message = response.message, (200..<300).contains(response.status) {
            noteContactParameters(message, entity)
        }
        if case .notice = request.purpose {
            _ = entity.retry(response, request, worker)
            return settle(turn)
        }
        let current = B2BCurrent(session: self, entity: entity, response: response, sent: request)
        guard entity.peer != nil || request.isBridging, let message = response.message, let route = replyRoute,
            let script = logic.host.script(worker)
        else {
            handle(current, worker)
            return settle(turn)
        }
        let context = logic.host.context(of: message, response.transaction, worker)
        context.avps = avps
        context.updateState(B2BTurnState()) { $0.current = current }
        let top = TopRoute(route, as: .onreply, on: context, continuing: response.transaction?.records ?? beganBy)
        script.run(top) { [self] _ in
            finish(current, worker)
            settle(turn)
        }
    }

    /// A final answer to an INVITE of a bridge that the route left alone is seen to all the same: nobody else ends the bridge.
    private func finish(_ current: B2BCurrent, _ worker: StackWorker) {
        guard let response = current.response, response.status >= 200, current.sent?.isBridging ?? false,
            !current.isHandled, current.entity.state != .terminated
        else { return }
        logic.log(.warning, "b2b_logic: the reply route did nothing with a final answer that a bridge waits for")
        handle(current, worker)
    }

    // MARK: handling

    /// What a response means: `b2b_handle_reply()`, and what happens without a reply route.
    func handle(_ current: B2BCurrent, passes3xxContact: Bool = false, _ worker: StackWorker) {
        guard let response = current.response, let request = current.sent, !current.isHandled else { return }
        current.isHandled = true
        switch request.purpose {
        case .pass: pass(response, request, current.entity, passes3xxContact: passes3xxContact, worker)
        case .bridge(let step, let number):
            advance(step, number: number, response, request, current.entity, worker)
        case .notice: break
        }
    }

    private func pass(
        _ response: AgentResponse, _ request: OutgoingRequest, _ entity: B2BEntity, passes3xxContact: Bool,
        _ worker: StackWorker
    ) {
        guard let waiting = request.answers, let asker = waiting.owner as? B2BEntity ?? entity.peer else {
            return settleAlone(response, request, entity, worker)
        }
        if request.method == .bye {
            if entity.retry(response, request, worker) { return }
            return passByeAnswer(response, waiting, asker, entity, worker)
        }
        guard response.status >= 200 else {
            return passProvisional(response, waiting, asker, entity, request, worker)
        }
        let isInvite = request.method == .invite
        if isInvite, response.status < 300 {
            let answer = HeldAnswer(response: response, request: request, entity: entity, waiting: waiting)
            if !holdSuccess(answer, asker) { passSuccess(response, waiting, asker, entity, request, worker) }
            return
        }
        if !waiting.isAnswered, entity.retry(response, request, worker) { return }
        forward(response, waiting, asker, entity, passes3xxContact: passes3xxContact, site: B2BSites.passFinal, worker)
        if isInvite, entity.state != .confirmed {
            // The first INVITE failed: nothing is left.
            entity.delete(worker)
            asker.delete(worker)
        }
    }

    func passSuccess(
        _ response: AgentResponse, _ waiting: Transaction, _ asker: B2BEntity, _ entity: B2BEntity,
        _ request: OutgoingRequest, _ worker: StackWorker
    ) {
        if forward(response, waiting, asker, entity, site: B2BSites.passSuccess, worker) {
            establishIfDone()
        } else {
            // Cancelled meanwhile.
            entity.acknowledge(request, worker)
            if phase == .setup {
                entity.hangUp(worker)
                asker.delete(worker)
            }
        }
    }

    private func passByeAnswer(
        _ response: AgentResponse, _ waiting: Transaction, _ asker: B2BEntity, _ entity: B2BEntity,
        _ worker: StackWorker
    ) {
        guard response.status >= 200 else { return }
        if response.message == nil {
            asker.reply(waiting, 200, "OK", site: B2BSites.passFinal, worker)
        } else {
            forward(response, waiting, asker, entity, site: B2BSites.passFinal, worker)
            if isAuthTransparent, response.status == 401 || response.status == 407 {
                // It comes again with credentials.
                entity.isHangingUp = false
                return
            }
        }
        entity.delete(worker)
        asker.delete(worker)
    }

    private func passProvisional(
        _ response: AgentResponse, _ waiting: Transaction, _ asker: B2BEntity, _ entity: B2BEntity,
        _ request: OutgoingRequest, _ worker: StackWorker
    ) {
        guard let message = response.message, response.status > 100 else { return }
        if message.number(.rseq) != nil, message.lists("100rel", in: .require) {
            passReliable(
                HeldAnswer(response: response, request: request, entity: entity, waiting: waiting), asker, worker)
        } else {
            forward(response, waiting, asker, entity, site: B2BSites.passProvisional, worker)
        }
        if asker.state == .new { asker.state = .early }
    }

    /// Answers who asked with what came. False when it is answered already.
    ///
    /// - Parameter rseq: of a reliable provisional response, the number that it has here.
    @discardableResult
    func forward(
        _ response: AgentResponse, _ waiting: Transaction, _ asker: B2BEntity, _ entity: B2BEntity,
        passes3xxContact: Bool = false, rseq: UInt32? = nil, site: Site, _ worker: StackWorker
    ) -> Bool {
        guard let message = response.message else {
            let status = response.status == 408 ? 408 : response.status == 487 ? 487 : 500
            return asker.reply(waiting, status, .empty, hasContact: false, site: site, worker)
        }
        var lines = settings.passedLines(of: message, isAuthTransparent: isAuthTransparent)
        let isRedirection = (300..<400).contains(response.status)
        if isRedirection, passes3xxContact {
            for field in message.all(.contact) { lines = lines + message.text(field.line) }
        }
        if let rseq { lines = lines + "RSeq: \(rseq)\r\n".lines }
        let leg = entity.leg(of: message)
        if response.status < 200, waiting.isInvite { asker.noteAnswer(message, leg: leg) }
        return asker.reply(
            waiting, response.status, message.reasonPhrase, lines: lines, body: message.body,
            contentType: message.value(.contentType) ?? .empty, hasContact: !(isRedirection && passes3xxContact),
            leg: leg, site: site, worker)
    }
}

extension B2BEntity {
    /// The fork as which the caller knows who sent a response.
    func leg(of message: Message) -> Int {
        legBase + (passesLegs ? legs.firstIndex { $0.remoteTag == message.toTag } ?? 0 : 0)
    }
}

extension OutgoingRequest {
    var isBridging: Bool {
        if case .bridge = purpose { true } else { false }
    }
}
