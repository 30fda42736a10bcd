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
        guard learn(response, request, entity, worker) else { return settle(turn) }
        if case .notice = request.purpose { return settle(turn) }
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
        script.run(TopRoute(route, as: .onreply, on: context)) { [self] _ in settle(turn) }
    }

    /// Takes over what the response says of the dialog. False: it was a repetition, or of a fork too many, and is seen to.
    private func learn(
        _ response: AgentResponse, _ request: OutgoingRequest, _ entity: B2BEntity, _ worker: StackWorker
    ) -> Bool {
        guard let message = response.message else {
            request.isAnswered = true
            return true
        }
        if request.method == .invite, (200..<300).contains(response.status) {
            return learnSuccess(message, request, entity, worker)
        }
        if response.status < 200 {
            learnProvisional(message, entity)
        } else {
            guard !request.isAnswered else { return false }
            request.isAnswered = true
            if request.method == .update, response.status < 300 { entity.dialog.receive(message) }
        }
        if response.status < 300, !message.bodyRange.isEmpty, request.method == .invite || request.method == .update {
            entity.media = B2BMedia(message)
        }
        return true
    }

    private func learnSuccess(
        _ message: Message, _ request: OutgoingRequest, _ entity: B2BEntity, _ worker: StackWorker
    ) -> Bool {
        if request.isAnswered {
            if message.toTag == entity.dialog.remoteTag {
                if let ack = request.acknowledgement { worker.sendRaw(ack.bytes, to: ack.destination) }
            } else {
                entity.endFork(message, request, worker)
            }
            return false
        }
        request.isAnswered = true
        if !entity.dialog.isConfirmed { noteLeg(message, entity) }
        entity.dialog.receive(message)
        entity.state = .confirmed
        if !message.bodyRange.isEmpty { entity.media = B2BMedia(message) }
        let parameters = settings.passedContactParameters(of: message)
        if !parameters.isEmpty { entity.contactParameters = parameters.compacted() }
        return true
    }

    private func learnProvisional(_ message: Message, _ entity: B2BEntity) {
        guard !entity.dialog.isConfirmed, message.toTag != nil else { return }
        noteLeg(message, entity)
        entity.dialog.receive(message)
        entity.state = .early
    }

    /// Forks of one INVITE that an entity remembers.
    private static let legsMax = 32

    private func noteLeg(_ message: Message, _ entity: B2BEntity) {
        guard let tag = message.toTag, !entity.legs.contains(where: { $0.remoteTag == tag }),
            entity.legs.count < Self.legsMax
        else { return }
        var leg = entity.freshFork
        leg.receive(message)
        entity.legs.append(leg)
    }

    // MARK: handling

    /// What a response means: `b2b_handle_reply()`, and what happens without a reply route.
    func handle(_ current: B2BCurrent, passes3xxContact: Bool = false, _ worker: StackWorker) {
        guard let response = current.response, let request = current.sent, !current.isHandled else { return }
        current.isHandled = true
        switch request.purpose {
        case .pass: pass(response, request, current.entity, passes3xxContact: passes3xxContact, worker)
        case .bridge(let step): advance(step, response, request, current.entity, worker)
        case .notice: break
        }
    }

    private func pass(
        _ response: AgentResponse, _ request: OutgoingRequest, _ entity: B2BEntity, passes3xxContact: Bool,
        _ worker: StackWorker
    ) {
        guard let waiting = request.answers, let asker = waiting.owner as? B2BEntity ?? entity.peer else { return }
        if request.method == .bye {
            if retry(response, request, entity, worker) { return }
            return passByeAnswer(response, waiting, asker, entity, worker)
        }
        guard response.status >= 200 else {
            return passProvisional(response, waiting, asker, entity, request, worker)
        }
        let isInvite = request.method == .invite
        if isInvite, response.status >= 300 { entity.inviteSent = nil }
        if isInvite, response.status < 300 {
            passSuccess(response, waiting, asker, entity, request, worker)
            return
        }
        if retry(response, request, entity, worker) { return }
        forward(response, waiting, asker, entity, passes3xxContact: passes3xxContact, site: B2BSites.passFinal, worker)
        if isInvite, entity.state != .confirmed {
            // The first INVITE failed: nothing is left.
            entity.delete()
            asker.delete()
        }
    }

    private func passSuccess(
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
                asker.delete()
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
        }
        entity.delete()
        asker.delete()
    }

    private func passProvisional(
        _ response: AgentResponse, _ waiting: Transaction, _ asker: B2BEntity, _ entity: B2BEntity,
        _ request: OutgoingRequest, _ worker: StackWorker
    ) {
        guard let message = response.message, response.status > 100 else { return }
        let isReliable = message.number(.rseq) != nil && message.lists("100rel", in: .require)
        let isNew = isReliable && noteReliable(message, entity)
        if isReliable, !logic.entities.passesPRACK {
            acknowledgeReliably(message, request, entity, worker)
            guard isNew else { return }
        }
        let isSent = forward(response, waiting, asker, entity, site: B2BSites.passProvisional, worker)
        if asker.state == .new { asker.state = .early }
        if isSent, isReliable, !logic.entities.passesPRACK { asker.repeatAnswer(waiting, worker) }
    }

    /// False when the response came before.
    private func noteReliable(_ message: Message, _ entity: B2BEntity) -> Bool {
        guard let rseq = message.number(.rseq), let tag = message.toTag else { return false }
        guard !entity.reliable.contains(where: { $0.rseq == rseq && $0.remoteTag == tag }) else { return false }
        if entity.reliable.count < 64 { entity.reliable.append((rseq, tag.compacted())) }
        return true
    }

    /// PRACK of the server's own (`passthru_prack` is 0), RFC 3262 §7.2.
    private func acknowledgeReliably(
        _ message: Message, _ request: OutgoingRequest, _ entity: B2BEntity, _ worker: StackWorker
    ) {
        guard let rseq = message.number(.rseq) else { return }
        entity.send(
            "PRACK", lines: "RAck: \(rseq) \(request.sequence) INVITE\r\n".lines, purpose: .notice,
            site: B2BSites.dialogRequest, worker)
    }

    /// Answers who asked with what came. False when it is answered already.
    @discardableResult
    private func forward(
        _ response: AgentResponse, _ waiting: Transaction, _ asker: B2BEntity, _ entity: B2BEntity,
        passes3xxContact: Bool = false, site: Site, _ worker: StackWorker
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
        let leg = entity.passesLegs ? entity.legs.firstIndex { $0.remoteTag == message.toTag } ?? 0 : 0
        return asker.reply(
            waiting, response.status, message.reasonPhrase, lines: lines, body: message.body,
            contentType: message.value(.contentType) ?? .empty, hasContact: !(isRedirection && passes3xxContact),
            leg: leg, site: site, worker)
    }

    /// Answers a challenge with credentials of the server's own. False when there are none.
    func retry(
        _ response: AgentResponse, _ request: OutgoingRequest, _ entity: B2BEntity, _ worker: StackWorker
    ) -> Bool {
        guard response.status == 401 || response.status == 407, request.tries < 2, let message = response.message,
            let credentials = logic.entities.credentials
        else { return false }
        let lines = credentials.answer(
            to: message, method: request.methodText, uri: entity.dialog.remoteTarget, body: request.body, avps: avps)
        guard !lines.isEmpty else { return false }
        if !entity.dialog.isConfirmed { entity.dialog = entity.freshFork }
        entity.send(
            request.methodText, lines: request.headers + lines, body: request.body, contentType: request.contentType,
            purpose: request.purpose, answers: request.answers, avps: avps,
            site: entity.dialog.isConfirmed ? B2BSites.dialogRequest : B2BSites.initialRequest,
            tries: request.tries + 1, worker)
        return true
    }
}

extension OutgoingRequest {
    var isBridging: Bool {
        if case .bridge = purpose { true } else { false }
    }
}
