import Bytes
import Profiling
import RouteRuntime
import SIPDialog
import SIPMessage
import SIPStack
import SIPTransport

/// Requests and replies that leave an entity. On the owner's turn.
extension B2BEntity {
    /// Sends a request in the dialog.
    @discardableResult
    func send(
        _ method: ByteString, lines: ByteString = .empty, body: ByteString = .empty, contentType: ByteString = .empty,
        purpose: OutgoingRequest.Purpose, answers: Transaction? = nil, maxForwards: Int = 70, avps: AVPStore? = nil,
        site: Site = B2BSites.dialogRequest, authorizations: [Authorization] = [], _ worker: StackWorker
    ) -> OutgoingRequest {
        let request = send(
            method, in: &dialog, lines: lines, body: body, contentType: contentType, purpose: purpose, answers: answers,
            maxForwards: maxForwards, avps: avps, site: site, authorizations: authorizations, worker)
        if request.method == .invite { inviteSent = request }
        return request
    }

    /// Passes on what is for one fork of those that ring; as usual when that is the one that the entity goes on with.
    func send(
        _ method: ByteString, toFork tag: ByteString, lines: ByteString, body: ByteString, contentType: ByteString,
        answers: Transaction, maxForwards: Int, avps: AVPStore?, _ worker: StackWorker
    ) {
        guard !dialog.isConfirmed, tag != dialog.remoteTag, var fork = legs.first(where: { $0.remoteTag == tag }) else {
            send(
                method, lines: lines, body: body, contentType: contentType, purpose: .pass, answers: answers,
                maxForwards: maxForwards, avps: avps, worker)
            return
        }
        fork.count(after: dialog)
        _ = send(
            method, in: &fork, lines: lines, body: body, contentType: contentType, purpose: .pass, answers: answers,
            maxForwards: maxForwards, avps: avps, worker)
        dialog.count(after: fork)
    }

    /// Sends a request in a dialog of this entity, which may be a fork's.
    func send(
        _ method: ByteString, in dialog: inout AgentDialog, lines: ByteString = .empty, body: ByteString = .empty,
        contentType: ByteString = .empty, purpose: OutgoingRequest.Purpose, answers: Transaction? = nil,
        maxForwards: Int = 70, avps: AVPStore? = nil, site: Site = B2BSites.dialogRequest,
        authorizations: [Authorization] = [], _ worker: StackWorker
    ) -> OutgoingRequest {
        let outline = dialog.outline()
        let known = Method(method)
        let request = OutgoingRequest(
            self, method, sequence: outline.cseq, dialog: dialog, purpose: purpose, answers: answers, headers: lines,
            body: body,
            contentType: contentType, avps: avps)
        request.authorizations = authorizations
        let all = authorizations.isEmpty ? lines : lines + authorizations.lines
        var local = self.local(method, outline, lines: all, hasContact: Self.hasContact(known))
        local.body = outgoing(body, contentType)
        local.contentType = contentType
        local.maxForwards = maxForwards
        local.agent = request
        local.user = TMState(avps: avps ?? AVPStore())
        worker.probe.enter(site)
        worker.send(local, completion: nil)
        worker.probe.exit(site, status: 1)
        return request
    }

    /// Contact belongs to requests that make, or refresh, a dialog.
    private static func hasContact(_ method: Method) -> Bool {
        switch method {
        case .bye, .prack, .message, .info: false
        default: true
        }
    }

    /// Acknowledges the 2xx of an INVITE, and remembers the ACK for repeated ones.
    func acknowledge(
        _ request: OutgoingRequest, lines: ByteString = .empty, body: ByteString = .empty,
        contentType: ByteString = .empty, _ worker: StackWorker
    ) {
        if inviteSent === request { inviteSent = nil }
        inviteDone = request
        send(acknowledging: request, in: &dialog, lines: lines, body: body, contentType: contentType, worker) {
            bytes, destination in
            request.acknowledgement = (bytes, destination)
        }
    }

    func send(
        acknowledging request: OutgoingRequest, in dialog: inout AgentDialog, lines: ByteString = .empty,
        body: ByteString, contentType: ByteString,
        _ worker: StackWorker, sent: @escaping ([UInt8], Destination) -> Void
    ) {
        let outline = dialog.outline(sequence: request.sequence)
        // With the credentials of the INVITE (RFC 3261 §22.1).
        let all = request.authorizations.isEmpty ? lines : lines + request.authorizations.lines
        var local = self.local("ACK", outline, lines: all, hasContact: false)
        local.body = outgoing(body, contentType)
        local.contentType = contentType
        worker.probe.enter(B2BSites.dialogRequest)
        worker.acknowledge(local, sent: sent)
        worker.probe.exit(B2BSites.dialogRequest, status: 1)
    }

    private func local(
        _ method: ByteString, _ outline: AgentDialog.Outline, lines: ByteString, hasContact: Bool
    ) -> LocalRequest {
        var local = LocalRequest(method: method, requestURI: outline.requestURI, from: outline.from, to: outline.to)
        var writer = ByteWriter(
            reserving: outline.routeLines.count + lines.count + extraLines.count + contact.value.count + 16)
        writer.append(outline.routeLines)
        if hasContact { writeContact(&writer) }
        writer.append(lines)
        writer.append(extraLines)
        local.headers = writer.finishText()
        local.callID = outline.callID
        local.cseq = outline.cseq
        local.nextHop = outline.nextHop ?? outboundProxy
        local.socket = socket
        local.records = owner?.records ?? SessionLink.none
        return local
    }

    private func writeContact(_ writer: inout ByteWriter) {
        writer.append("Contact: ")
        writer.append(contact.value)
        if let parameters = peer?.contactParameters { writer.append(parameters) }
        writer.append("\r\n")
    }

    // MARK: replies

    /// Answers a request of the far end. False when it is answered already.
    @discardableResult
    func reply(
        _ transaction: Transaction, _ status: Int, _ reason: ByteString, lines: ByteString = .empty,
        body: ByteString = .empty, contentType: ByteString = .empty, hasContact: Bool = true, leg: Int = 0,
        site: Site, _ worker: StackWorker
    ) -> Bool {
        worker.probe.enter(site)
        defer { worker.probe.exit(site) }
        var writer = ByteWriter(reserving: lines.count + contact.value.count + 16)
        if hasContact, status < 400, transaction.method != .bye { writeContact(&writer) }
        writer.append(lines)
        let number = transaction.isInvite && status >= 200 ? transaction.originalRequest?.cseq?.number : nil
        worker.probe.enter(B2BSites.reply)
        let isSent = worker.reply(
            transaction, status: status, reason: reason, headers: writer.finishText(),
            body: outgoing(body, contentType), contentType: contentType, toTag: tag(leg: leg))
        worker.probe.exit(B2BSites.reply, status: isSent ? 1 : -1)
        if isSent, transaction.isInvite, (101..<300).contains(status) { legsShown = max(legsShown, leg + 1) }
        guard isSent, transaction.isInvite, status >= 200 else { return isSent }
        if invite === transaction {
            invite = nil
            heldAnswers = []
        }
        repeater?.stop()
        repeater = nil
        if status < 300 {
            if state != .confirmed { dialog.localTag = tag(leg: leg) }
            dialog.confirm()
            state = .confirmed
            inviteAnswered = number
            repeatAnswer(transaction, final: true, worker)
        }
        return true
    }

    /// The local tag, of a fork behind the peer with its number.
    func tag(leg: Int) -> ByteString {
        guard isServer else { return dialog.localTag }
        return leg == 0 ? dialog.localTag : key + "-" + ByteString(decimal: leg)
    }

    /// Sends what was answered last until the far end shows that it has it.
    func repeatAnswer(_ transaction: Transaction, final: Bool, _ worker: StackWorker) {
        repeater?.stop()
        repeatsFinal = final
        repeater = worker.repeatAnswer(of: transaction) { [weak self] worker in self?.post(.unacknowledged, worker) }
    }
}
