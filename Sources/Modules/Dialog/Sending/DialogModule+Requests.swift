package import Bytes
import Profiling
import RouteRuntime
import SIPDialog
import SIPMessage
package import SIPStack

/// A request that is made here and goes to one side of a dialog.
package struct OwnRequest {
    var method: ByteString
    /// Whole lines.
    var headers = ByteString.empty
    var body = ByteString.empty
    var contentType = ByteString.empty
    /// Which of the callees it is for; nil: the one that matters.
    var callee: Int?
    /// How long its final response is waited for; nil: `fr_timeout`.
    var finalResponseMilliseconds: UInt32?
    /// An INVITE that offers nothing: its ACK bears the answer and is sent by who knows that (`OwnInvite.acknowledge`).
    var holdsAck = false

    /// Whether a request with this method stands by itself: an ACK and a CANCEL belong to an INVITE and are never answered like
    /// others.
    package static func isSendable(_ method: ByteString) -> Bool {
        !method.isEmpty && method != "ACK" && method != "CANCEL"
            && method.elements.allSatisfy { ASCII.isTokenCharacter($0) }
    }

    var isInvite: Bool { method == "INVITE" }

    /// Both Contacts count from its 2xx on (RFC 3261 §12.2, RFC 6665 §4.4.1).
    var refreshesTargets: Bool { isInvite || method == "UPDATE" || method == "NOTIFY" || method == "REFER" }

    /// Methods that have a Contact: those that may change the target, and OPTIONS.
    var hasContact: Bool { method != "BYE" && method != "PRACK" && method != "INFO" && method != "ACK" }
}

/// How a request of this server's own is addressed, for the request and the ACK that may follow it.
struct OwnRequestPlan {
    let from: ByteString
    let to: ByteString
    let callID: ByteString
    let number: UInt32
    let socket: ScriptSocket?
    /// What Contact says, as a header value.
    let contact: ByteString
    let target: DialogTarget
}

/// Whether a request could be sent.
package enum OwnSending: Sendable {
    case sent
    /// The side that it is for is not known yet.
    case noSide
    /// It is an INVITE, and the side is asked by another one, or asks itself (RFC 3261 §14.1).
    case invitePending
}

/// Requests that are made here and go to one side of a dialog (RFC 3261 §12.2.1.1).
extension DialogModule {
    /// What becomes of a request: the final reply or nil, the status that it has or that stands for it, and of an INVITE who can
    /// acknowledge it.
    typealias OwnCompletion = @Sendable (Message?, Int, OwnInvite?, StackWorker) -> Void

    /// Sends a request to a side, as the other side would. The completion is called once, if it was sent.
    @discardableResult
    func send(
        _ request: OwnRequest, to side: DialogSide, of dialog: Dialog, _ worker: StackWorker,
        completion: OwnCompletion? = nil
    ) -> OwnSending {
        let (outcome, found) = plan(request, side, dialog)
        guard let plan = found else { return outcome }
        var local = plan.makeRequest(request.method, host)
        local.headers = local.headers + request.headers
        local.body = request.body
        local.contentType = request.body.isEmpty ? .empty : request.contentType
        local.finalResponseMilliseconds = request.finalResponseMilliseconds
        // Only a `local_route` asks which dialog it is.
        if host.hasLocalRoute {
            let state = TMState(avps: AVPStore())
            state.attach(DialogUse(dialog, sender: side.other, isInitial: false, callee: request.callee))
            local.user = state
        }
        guard request.isInvite else {
            worker.send(local) { [self] reply, status, worker in
                if let reply, (200..<300).contains(status) { note(reply, of: request, side, dialog) }
                completion?(reply, status, nil, worker)
            }
            return .sent
        }
        local.agent = OwnInvite(self, request, side, dialog, plan, completion)
        worker.send(local, completion: nil)
        return .sent
    }

    /// How the request is addressed, unless it can't be sent. An INVITE counts as pending from here on.
    private func plan(_ request: OwnRequest, _ side: DialogSide, _ dialog: Dialog) -> (OwnSending, OwnRequestPlan?) {
        dialog.update { values -> (OwnSending, OwnRequestPlan?) in
            guard let callee = values.leg(.callee, callee: request.callee),
                let leg = values.leg(side, callee: request.callee)
            else { return (.noSide, nil) }
            let target = leg.target
            guard !target.requestURI.isEmpty else { return (.noSide, nil) }
            if request.isInvite, values.machine.state.isOpen || leg.invitesPending > 0 { return (.invitePending, nil) }
            let number = values.updateLeg(side, callee: request.callee) { leg in
                if request.isInvite { leg.noteInvite(isPending: true) }
                return leg.shift.takeOwn()
            }
            guard let number else { return (.noSide, nil) }
            let toCallee = side == .callee
            let caller = Self.party(
                toCallee ? values.changes.from?.text.replaced : nil, dialog.fromURI, values.caller.tag)
            let called = Self.party(toCallee ? values.changes.to?.text.replaced : nil, dialog.toURI, callee.tag)
            let plan = OwnRequestPlan(
                from: toCallee ? caller : called, to: toCallee ? called : caller,
                callID: toCallee ? values.calleeCallID ?? dialog.callID : dialog.callID, number: number,
                socket: toCallee ? values.calleeSocket : dialog.callerSocket,
                contact: request.hasContact ? Self.contact(for: side, values) : .empty, target: target)
            return (.sent, plan)
        }
    }

    /// The Contact that a side knows the other one by: the other's own, or ours in its place.
    private static func contact(for side: DialogSide, _ values: Dialog.Values) -> ByteString {
        if let hiding = values.hiding { return hiding.shownContact(to: side) ?? .empty }
        guard let target = values.leg(side.other)?.remoteTarget, !target.isEmpty else { return .empty }
        return target.inAngleBrackets
    }

    /// - Parameter changed: the address as the side knows it, where that is another; with its name and brackets, or a URI.
    private static func party(_ changed: ByteString?, _ uri: ByteString, _ tag: ByteString) -> ByteString {
        let address = changed.map { $0.contains(ASCII.less) ? $0 : $0.inAngleBrackets } ?? uri.inAngleBrackets
        var writer = ByteWriter(reserving: address.count + tag.count + 8)
        writer.append(address)
        if !tag.isEmpty {
            writer.append(";tag=")
            writer.append(tag)
        }
        return writer.finishText()
    }

    /// A 2xx came for a request of ours: where the side is now, and what was said.
    func note(_ reply: Message, of request: OwnRequest, _ side: DialogSide, _ dialog: Dialog) {
        guard request.refreshesTargets else { return }
        let isSession = request.isInvite || request.method == "UPDATE"
        let told = isSession ? DialogBody(request.body, type: request.contentType) : nil
        let said = isSession ? DialogBody(of: reply) : nil
        dialog.update { values in
            values.updateLeg(side, callee: request.callee) { leg in
                leg.refreshTarget(from: reply)
                leg.note(sent: said)
            }
            values.note(told: told, to: side, callee: request.callee)
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
}

extension OwnRequestPlan {
    /// A request without body: to the target, with the routes there.
    func makeRequest(_ method: ByteString, _ host: ScriptHost) -> LocalRequest {
        var local = LocalRequest(method: method, requestURI: target.requestURI, from: from, to: to)
        local.nextHop = target.nextHop
        local.socket = host.socket(socket)
        local.callID = callID
        local.cseq = number
        var lines = ByteWriter(reserving: contact.count + 64)
        lines.append(target.routeLines)
        if !contact.isEmpty {
            lines.append("Contact: ")
            lines.append(contact)
            lines.append("\r\n")
        }
        local.headers = lines.finishText()
        return local
    }

    /// The same for the ACK: by the routes to the Contact of the reply (RFC 3261 §13.2.2.4).
    func acknowledging(_ reply: Message, at target: DialogTarget) -> OwnRequestPlan {
        OwnRequestPlan(
            from: from, to: reply.value(.to) ?? to, callID: callID, number: number, socket: socket, contact: .empty,
            target: target)
    }
}
