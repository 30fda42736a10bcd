import Bytes
import SIPDialog
import SIPMessage
import SIPStack

/// What an entity takes over from the messages of its far end, whoever decides about it. On the owner's turn.
extension B2BEntity {
    // MARK: requests

    /// Whether a request fits the dialog; one that does not is answered here.
    func accepts(_ message: Message, _ transaction: Transaction?, _ worker: StackWorker) -> Bool {
        guard let transaction else { return acceptsAck(message) }
        let refusal: (status: Int, reason: ByteString)
        switch fit(message) {
        case .inOrder where message.maxForwards != 0: return true
        case .inOrder: refusal = (483, "Too Many Hops")
        case .outOfOrder: refusal = (500, "Server Internal Error")
        case .endOfFork: refusal = (200, "OK")
        case .nowhere: refusal = (481, "Call/Transaction Does Not Exist")
        }
        reply(transaction, refusal.status, refusal.reason, site: B2BSites.ownReply, worker)
        return false
    }

    private enum Fit {
        case inOrder, outOfOrder
        /// A fork that is not the call, or not any more, hangs up: its own affair.
        case endOfFork
        case nowhere
    }

    /// Each fork counts for itself, and moves its own target, until one has answered; then the others are over.
    private func fit(_ message: Message) -> Fit {
        let tag = message.fromTag
        let leg = legs.firstIndex { $0.remoteTag == tag }
        let isOther = dialog.isConfirmed ? dialog.remoteTag != tag : legs.count > 1
        if message.method == .bye, isOther, leg != nil || endedForks.contains(where: { $0 == tag }) {
            return .endOfFork
        }
        guard dialog.remoteTag == tag || (leg != nil && !dialog.isConfirmed) else { return .nowhere }
        let order: AgentDialog.Order
        if let leg, !dialog.isConfirmed {
            order = legs[leg].receive(request: message)
            if dialog.remoteTag == tag { dialog.turn(to: legs[leg]) }
        } else {
            order = dialog.receive(request: message)
        }
        return order == .inOrder ? .inOrder : .outOfOrder
    }

    /// Only the ACK of the INVITE that was answered last says something.
    private func acceptsAck(_ message: Message) -> Bool {
        guard dialog.remoteTag == message.fromTag, let number = message.cseq?.number, number == inviteAnswered else {
            return false
        }
        stopRepeating(final: true)
        return true
    }

    /// The far end has shown that it has our 2xx (`final`), or our reliable provisional response.
    func stopRepeating(final: Bool) {
        guard repeatsFinal == final else { return }
        repeater?.stop()
        repeater = nil
    }

    /// Answers an INVITE that can't be taken now: the one before is not answered yet (500), or one of ours is under way (491;
    /// RFC 3261 §14.2). False: it can be taken.
    func refusesInvite(_ transaction: Transaction, _ worker: StackWorker) -> Bool {
        if invite != nil {
            reply(
                transaction, 500, "Server Internal Error", lines: "Retry-After: \(Int.random(in: 0...10))\r\n".lines,
                site: B2BSites.ownReply, worker)
            return true
        }
        guard inviteSent != nil else { return false }
        reply(transaction, 491, "Request Pending", site: B2BSites.ownReply, worker)
        return true
    }

    // MARK: responses

    /// Takes over what a response says of the dialog. False: it was a repetition, or of a fork too many, and is seen to.
    func learn(_ response: AgentResponse, _ request: OutgoingRequest, _ worker: StackWorker) -> Bool {
        if response.status >= 300, inviteSent === request { inviteSent = nil }
        guard let message = response.message else {
            request.isAnswered = true
            return true
        }
        if request.method == .invite, (200..<300).contains(response.status) {
            return learnSuccess(message, request, worker)
        }
        if response.status < 200 {
            learnProvisional(message)
        } else {
            guard !request.isAnswered else { return false }
            request.isAnswered = true
            if request.method == .update, response.status < 300 { refreshTarget(by: message) }
            if request.method == .prack, response.status < 300 { noteAgreement(message.toTag) }
        }
        if response.status < 300 { noteMedia(message) }
        return true
    }

    private func learnSuccess(_ message: Message, _ request: OutgoingRequest, _ worker: StackWorker) -> Bool {
        if request.isAnswered {
            if message.toTag == dialog.remoteTag {
                if let ack = request.acknowledgement { worker.sendRaw(ack.bytes, to: ack.destination) }
            } else {
                endFork(message, request, worker)
            }
            return false
        }
        request.isAnswered = true
        if !dialog.isConfirmed { turn(to: message) }
        dialog.receive(message)
        state = .confirmed
        noteMedia(message)
        return true
    }

    private func refreshTarget(by message: Message) {
        if let leg = legs.firstIndex(where: { $0.remoteTag == message.toTag }) { legs[leg].refresh(by: message) }
        if dialog.remoteTag == message.toTag { dialog.refresh(by: message) }
    }

    private func learnProvisional(_ message: Message) {
        guard !dialog.isConfirmed, message.toTag != nil else { return }
        turn(to: message)
        state = .early
    }

    /// Forks of one INVITE that an entity remembers.
    static let legsMax = 32

    /// The early dialog that a response belongs to is the one that the entity goes on with.
    private func turn(to message: Message) {
        let tag = message.toTag
        if let index = legs.firstIndex(where: { $0.remoteTag == tag }) {
            legs[index].receive(message)
            dialog.turn(to: legs[index])
            return
        }
        var leg = freshFork
        leg.receive(message)
        if tag != nil, legs.count < Self.legsMax { legs.append(leg) }
        dialog.turn(to: leg)
    }

    // MARK: reliable provisional responses

    /// Takes note of a reliable provisional response. nil: it is not reliable; false: it came before, or one before it did not:
    /// neither is acknowledged (RFC 3262 §4).
    func noteReliable(_ message: Message, of request: OutgoingRequest) -> Bool? {
        guard let rseq = message.number(.rseq), message.lists("100rel", in: .require), let tag = message.toTag else {
            return nil
        }
        if reliableSequence != request.sequence {
            reliableSequence = request.sequence
            reliable = []
        }
        if let last = reliable.firstIndex(where: { $0.remoteTag == tag }) {
            guard rseq == reliable[last].rseq &+ 1 else { return false }
            reliable[last].rseq = rseq
        } else {
            guard reliable.count < Self.legsMax else { return false }
            reliable.append((rseq, tag.compacted()))
        }
        if !message.bodyRange.isEmpty, inviteSent?.body.isEmpty == false { answeredTag = tag.compacted() }
        return true
    }

    /// A reliable answer is through in the dialog of this tag.
    func noteAgreement(_ tag: ByteString?) {
        guard let tag, tag == answeredTag else { return }
        agreedTag = answeredTag
        // Requests to who called go by the dialog that the answer was in.
        if isServer, state != .confirmed { dialog.localTag = tag.compacted() }
    }

    // MARK: early dialogs

    /// It rings, and both sides have agreed on a session: an UPDATE may carry another offer (RFC 3311 §5.1).
    var isUpdatable: Bool {
        state == .early && agreedTag != nil && (isServer ? dialog.localTag : dialog.remoteTag) == agreedTag
    }

    /// It may get another peer: answered, or early and updatable, or a caller with whom nothing is agreed yet.
    var isBridgeable: Bool { state == .confirmed || isUpdatable || (isServer && state == .early && invite != nil) }

    /// PRACK of the server's own (`passthru_prack` is 0), RFC 3262 §7.2.
    func acknowledgeReliably(_ message: Message, _ request: OutgoingRequest, _ worker: StackWorker) {
        guard let rseq = message.number(.rseq) else { return }
        send(
            "PRACK", lines: "RAck: \(rseq) \(request.sequence) INVITE\r\n".lines, purpose: .notice,
            site: B2BSites.dialogRequest, worker)
    }

    // MARK: challenges

    /// Sends a request again, in the dialog that it was sent in, with the credentials that a 401 or 407 asks for. False when there
    /// are none, or the far end has refused them.
    func retry(_ response: AgentResponse, _ request: OutgoingRequest, _ worker: StackWorker) -> Bool {
        guard response.status == 401 || response.status == 407, let message = response.message,
            let credentials = service.credentials,
            let answers = credentials.answers(
                to: message, method: request.methodText, uri: request.dialog.remoteTarget, body: request.body,
                avps: request.avps, after: request.authorizations)
        else { return false }
        var fork = request.dialog
        fork.count(after: dialog)
        let isFirst = request.method == .invite && !dialog.isConfirmed
        if isFirst { dialog = fork }
        if fork.remoteTag == dialog.remoteTag {
            send(
                request.methodText, lines: request.headers, body: request.body, contentType: request.contentType,
                purpose: request.purpose, answers: request.answers, avps: request.avps,
                site: isFirst ? B2BSites.initialRequest : B2BSites.dialogRequest, authorizations: answers, worker)
        } else {
            _ = send(
                request.methodText, in: &fork, lines: request.headers, body: request.body,
                contentType: request.contentType, purpose: request.purpose, answers: request.answers,
                avps: request.avps, authorizations: answers, worker)
            dialog.count(after: fork)
        }
        return true
    }
}
