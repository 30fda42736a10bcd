import Bytes
import Profiling
import RouteLanguage
import RouteRuntime
import SIPDialog
import SIPMessage
import SIPStack
import SIPTransport

/// `b2b_bridge()`, `b2b_bridge_retry()`, `b2b_bridge_request()`.
extension B2BLogicModule {
    func bridge(_ call: borrowing Call) -> Outcome {
        guard let current = current(call), let worker = worker(call) else { return .no }
        let session = current.session
        guard session.bridge == nil else {
            call.log(.error, "b2b_bridge: a bridge is under way already")
            return .no
        }
        guard let first = party(call, 0, current), let second = party(call, 1, current) else { return .no }
        let options = options(call, 3)
        let old: B2BEntity
        var made: B2BEntity?
        let draft: ClientDraft
        switch (first, second) {
        case (.entity(let entity), .draft(let new)), (.draft(let new), .entity(let entity)):
            guard session.mayBridge(entity) else {
                call.log(.error, "b2b_bridge: the call of \"\(entity.id)\" is not answered yet")
                return .no
            }
            old = entity
            draft = new
        case (.draft(let one), .draft(let other)):
            guard let first = make(one, in: session, like: current.entity, call, worker) else { return .no }
            made = first
            old = first
            draft = other
        case (.entity, .entity):
            call.log(.error, "b2b_bridge: one of both must be a new client entity")
            return .no
        }
        guard let new = make(draft, in: session, like: old, call, worker) else {
            made?.delete(worker)
            return .no
        }
        let bridge = B2BBridge(old: old, new: new, options: options)
        bridge.lines = session.bridgeLines(old)
        if options.notifies { bridge.referrer = current.entity }
        if let uri = call.string(2), !uri.isEmpty {
            bridge.media = make(
                ClientDraft(id: "media", target: uri.uriOfAddress), in: session, like: old, call, worker)
        }
        current.isHandled = true
        session.start(bridge, worker)
        return .yes
    }

    func bridgeRetry(_ call: borrowing Call) -> Outcome {
        guard let current = current(call), let worker = worker(call), let id = call.string(0) else { return .no }
        guard let bridge = current.session.bridge, bridge.new === current.entity, current.response != nil else {
            call.log(.error, "b2b_bridge_retry: this is no answer of a new entity of a bridge")
            return .no
        }
        guard let draft = draft(call, id),
            let new = make(draft, in: current.session, like: bridge.old, call, worker)
        else { return .no }
        current.isHandled = true
        current.session.retry(bridge, with: new, worker)
        return .yes
    }

    // MARK: parties

    private enum Party {
        case entity(B2BEntity)
        case draft(ClientDraft)
    }

    /// What an argument names: `this`, `peer`, an entity of the session, or one that `b2b_client_new()` prepared.
    private func party(_ call: borrowing Call, _ index: Int, _ current: B2BCurrent) -> Party? {
        guard let name = call.string(index) else { return nil }
        if name == "this", current.entity.state != .terminated { return .entity(current.entity) }
        if name == "peer", let peer = current.peer, peer.state != .terminated { return .entity(peer) }
        if let draft = draft(call, name) { return .draft(draft) }
        if let found = current.session.entities.first(where: { $0.id == name && $0.state != .terminated }) {
            return .entity(found)
        }
        call.log(.error, "\(call.name): there is no entity \"\(name)\"")
        return nil
    }

    private func draft(_ call: borrowing Call, _ id: ByteString) -> ClientDraft? {
        call.context.state(B2BTurnState.self)?.clients.first { $0.id == id }
    }

    private func options(_ call: borrowing Call, _ index: Int) -> BridgeOptions {
        var options = BridgeOptions()
        for flag in flags(call, index) {
            switch flag.name.string {
            case "max_duration" where flag.value != nil: options.durationMaxSeconds = flag.value
            case "notify": options.notifies = true
            case "rollback-failed": options.rollsBack = true
            case "hold": options.holds = true
            case "no-late-sdp": options.avoidsLateOffer = true
            // AVPs belong to the session, so they are there after a bridge anyway.
            case "propagate-avps", "": break
            default:
                call.log(.warning, "\(call.name): \"\(flag.name)\" is no flag of it, or its value is no number")
            }
        }
        return options
    }

    private func make(
        _ draft: ClientDraft, in session: B2BSession, like old: B2BEntity, _ call: borrowing Call, _ worker: StackWorker
    ) -> B2BEntity? {
        let made = session.makeClient(draft, like: old, worker)
        if made == nil { call.log(.error, "\(call.name): too many entities") }
        return made
    }
}

extension B2BSession {
    /// Entities that a session may have at once.
    private static let entitiesMax = 16

    /// A client entity that is to talk with `old`, by the same listener and contact if that fits. Not yet called.
    func makeClient(_ draft: ClientDraft, like old: B2BEntity, _ worker: StackWorker) -> B2BEntity? {
        var from = old.dialog.remoteAddress
        if let name = draft.displayName { from = from.named(name) }
        return makeClient(draft, from: from, contact: old.contact, like: old.socket, worker)
    }

    func makeClient(
        _ draft: ClientDraft, from: ByteString, contact: LocalContact, like usual: ListenSocket?, _ worker: StackWorker
    ) -> B2BEntity? {
        guard entities.count < Self.entitiesMax else { return nil }
        var target = draft.target.withoutHeaders
        var lines = draft.extraLines + draft.target.headerLines
        if let replaced = logic.entities.replaced(by: draft.target) {
            // The dialog to be replaced is one of this server's: what the far end of it knows it by is another one.
            target = replaced.target
            lines = draft.extraLines + replaced.lines
        }
        let socket = logic.host.listener(to: draft.proxy ?? target, like: usual)
        let plan = ClientPlan(
            from: from, to: "<" + target + ">", target: target, proxy: draft.proxy,
            contact: draft.contact.map { LocalContact($0.bracketed, isGiven: true) }
                ?? contact.moved(from: usual, to: socket, logic.host),
            socket: socket, extraLines: .empty)
        worker.probe.enter(B2BSites.clientNew)
        defer { worker.probe.exit(B2BSites.clientNew, status: 1) }
        guard let made = logic.entities.makeClient(plan, id: draft.id, owner: self, worker) else { return nil }
        made.extraLines = lines
        made.passesLegs = draft.passesLegs
        entities.append(made)
        return made
    }

    /// Header lines of the INVITE that calls who is to talk with `old`.
    func bridgeLines(_ old: B2BEntity) -> ByteString {
        guard let name = settings.callIDHeader else { return .empty }
        return name + ": " + old.callID + "\r\n"
    }
}

extension B2BEntities {
    /// Who really is at the other end of a dialog of this server's that a URI wants replaced (`?Replaces=…`), and the header
    /// that says so to that end. nil: it is none of this server's.
    func replaced(by uri: ByteString) -> (target: ByteString, lines: ByteString)? {
        let lines = uri.headerLines
        guard let text = lines.split(at: ASCII.lineFeed).first(where: { $0.hasPrefixIgnoringCase("Replaces:") }) else {
            return nil
        }
        let value = text.dropFirst(9).trimmed()
        guard let end = value.first(of: ASCII.semicolon) else { return nil }
        let parameters = Parameters(value.dropFirst(end))
        guard let to = parameters.value("to-tag"), let from = parameters.value("from-tag"),
            let named = entity(callID: value.prefix(end).trimmed(), tags: (to, from)),
            let peer = named.view.peer.flatMap({ self.entity(key: $0) })?.view
        else { return nil }
        let line = ByteString("Replaces: ") + peer.callID + ";to-tag=" + peer.remoteTag + ";from-tag=" + peer.localTag
        return (peer.target, line + "\r\n")
    }
}
