package import Bytes
import Profiling
import RouteRuntime
import SIPDialog
import SIPMessage
package import SIPStack
import SIPTransport

/// Requests that are made here and go to one side of a dialog (RFC 3261 §12.2.1.1).
extension DialogModule {
    struct OwnRequest {
        var method: ByteString
        /// Whole lines.
        var headers = ByteString.empty
        var body = ByteString.empty
        var contentType = ByteString.empty
    }

    /// Sends a request to a side, as the other side would. The completion is called once, with the final reply or the status that
    /// stands for none. False when that side is not known yet.
    @discardableResult
    func send(
        _ request: OwnRequest, to side: DialogSide, of dialog: Dialog, _ worker: StackWorker,
        completion: (@Sendable (Message?, Int, StackWorker) -> Void)? = nil
    ) -> Bool {
        struct Plan {
            let target: DialogTarget
            let from: ByteString
            let to: ByteString
            let callID: ByteString
            let number: UInt32
            let socket: ScriptSocket?
            let contact: ByteString
        }
        let plan = dialog.update { values -> Plan? in
            guard let callee = values.callee else { return nil }
            let contact = values.leg(side.other)?.remoteTarget ?? .empty
            let number = values.updateLeg(side) { $0.shift.takeOwn() }
            guard let number, let target = values.leg(side)?.target, !target.requestURI.isEmpty else { return nil }
            let caller = Self.party(dialog.fromURI, values.caller.tag)
            let called = Self.party(dialog.toURI, callee.tag)
            return Plan(
                target: target, from: side == .caller ? called : caller, to: side == .caller ? caller : called,
                callID: side == .callee ? values.calleeCallID ?? dialog.callID : dialog.callID, number: number,
                socket: side == .caller ? dialog.callerSocket : values.calleeSocket,
                contact: values.hiding.map { _ in .empty } ?? contact)
        }
        guard let plan else { return false }
        var local = LocalRequest(
            method: request.method, requestURI: plan.target.requestURI, from: plan.from, to: plan.to)
        local.nextHop = plan.target.nextHop
        local.socket = host.socket(plan.socket)
        local.callID = plan.callID
        local.cseq = plan.number
        let contact = plan.contact.isEmpty ? ownContact(plan.socket, of: dialog) : plan.contact
        local.headers = plan.target.routeLines + Self.contactLine(contact, method: request.method) + request.headers
        local.body = request.body
        local.contentType = request.body.isEmpty ? .empty : request.contentType
        let isInvite = request.method == "INVITE"
        let routes = plan.target
        let (from, callID, number) = (plan.from, plan.callID, plan.number)
        worker.send(local) { [self] reply, status, worker in
            if isInvite, let reply, (200..<300).contains(status) {
                acknowledge(reply, routes, from: from, callID: callID, number: number, plan.socket, worker)
            }
            completion?(reply, status, worker)
        }
        return true
    }

    private static func party(_ uri: ByteString, _ tag: ByteString) -> ByteString {
        var writer = ByteWriter(reserving: uri.count + tag.count + 8)
        writer.append(uri.inAngleBrackets)
        if !tag.isEmpty {
            writer.append(";tag=")
            writer.append(tag)
        }
        return writer.finishText()
    }

    /// Only requests that may change the target have one, and OPTIONS.
    private static func contactLine(_ contact: ByteString, method: ByteString) -> ByteString {
        guard !contact.isEmpty, method != "BYE", method != "PRACK", method != "INFO" else { return .empty }
        var writer = ByteWriter(reserving: contact.count + 16)
        writer.append("Contact: ")
        writer.append(contact.inAngleBrackets)
        writer.append("\r\n")
        return writer.finishText()
    }

    /// The Contact of a dialog whose sides must not see each other's.
    private func ownContact(_ socket: ScriptSocket?, of dialog: Dialog) -> ByteString {
        guard let socket else { return .empty }
        var writer = ByteWriter(reserving: 64)
        writer.append("sip:")
        writer.append(socket.hostAndPort)
        writer.append(UInt8(ascii: ";"))
        writer.append(settings.routeParameter)
        writer.append(ASCII.equal)
        writer.append(dialog.id)
        return writer.finishText()
    }

    /// The ACK of a 2xx to an INVITE of ours: by the same routes to the Contact of the reply (RFC 3261 §13.2.2.4).
    private func acknowledge(
        _ reply: Message, _ target: DialogTarget, from: ByteString, callID: ByteString, number: UInt32,
        _ socket: ScriptSocket?, _ worker: StackWorker
    ) {
        guard let to = reply.value(.to), let listener = host.socket(socket) else { return }
        let contact = target.nextHop != nil || target.routes.isEmpty ? reply.address(.contact)?.uriText : nil
        var builder = RequestBuilder(
            method: "ACK", requestURI: contact ?? target.requestURI, from: from, to: to, callID: callID, cseq: number)
        var via = ByteWriter(reserving: 96)
        via.append("SIP/2.0/")
        via.append(listener.transport.viaName)
        via.append(ASCII.space)
        via.append(ScriptSocket(listener).hostAndPort)
        via.append(";branch=z9hG4bKdlg")
        via.append(hex: UInt64.random(in: .min ... .max), digits: 16)
        builder.via = via.finishText()
        builder.extraLines = target.routeLines
        let bytes = builder.build()
        worker.locate(target.nextHop ?? builder.requestURI) { result in
            guard case .success(let found) = result, var first = found.first else { return }
            first.socket = listener
            worker.sendRaw(bytes, to: first)
        }
    }

    // MARK: the end

    /// Tells both sides that the dialog is over.
    func sendByes(_ dialog: Dialog, _ surroundings: Surroundings) {
        let bye = OwnRequest(method: "BYE", headers: settings.extraHeaders + surroundings.extraHeaders)
        for side in [DialogSide.caller, .callee] { send(bye, to: side, of: dialog, surroundings.worker) }
    }

    /// Ends the dialog: BYEs when it is confirmed, a CANCEL before.
    package func end(_ dialog: Dialog, extraHeaders: ByteString, _ worker: StackWorker) {
        worker.probe.enter(DialogSites.end)
        step(dialog, .end(.management), in: Surroundings(worker: worker, extraHeaders: extraHeaders.asHeaderLines))
        worker.probe.exit(DialogSites.end, status: 1)
    }

    /// Acknowledges a reliable provisional reply in the caller's place (RFC 3262), and makes it an unreliable one for the caller.
    func prack(_ reply: InboundReply, _ dialog: Dialog, _ edits: inout MessageEdits, _ worker: StackWorker) {
        let message = reply.message
        guard message.lists("100rel", in: .require), let number = message.number(.rseq), let cseq = message.cseq else {
            return
        }
        var writer = ByteWriter(reserving: 32)
        writer.append("RAck: ")
        writer.append(decimal: UInt64(number))
        writer.append(ASCII.space)
        writer.append(decimal: UInt64(cseq.number))
        writer.append(" INVITE\r\n")
        let transaction = reply.transaction
        let hangsUp = settings.hangsUpOnPrackFailure
        send(OwnRequest(method: "PRACK", headers: writer.finishText()), to: .callee, of: dialog, worker) {
            _, status, worker in
            if status >= 300, hangsUp, let transaction {
                worker.reply(transaction, status: 502, reason: "Bad Gateway")
            }
        }
        if let field = message.first(.rseq) { edits.remove(field) }
        for field in message.all(.require) where message.text(field.value).trimmed().equalsIgnoringCase("100rel") {
            edits.remove(field)
        }
    }
}

extension ScriptSocket {
    /// As others are told to reach it: `192.0.2.1:5060`, with the transport if it is not UDP.
    var hostAndPort: ByteString {
        let host = advertisedAddress ?? address
        let needsBrackets = host.contains(ASCII.colon) && host.first != ASCII.openBracket
        var writer = ByteWriter(reserving: host.count + 24)
        if needsBrackets { writer.append(ASCII.openBracket) }
        writer.append(host)
        if needsBrackets { writer.append(ASCII.closeBracket) }
        writer.append(ASCII.colon)
        writer.append(decimal: advertisedPort ?? port)
        return writer.finishText()
    }
}
