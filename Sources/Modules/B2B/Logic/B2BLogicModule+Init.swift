import Bytes
import Profiling
import RouteLanguage
import RouteRuntime
import SIPDialog
import SIPMessage
import SIPStack
import SIPTransport

/// `b2b_init_request()` and what prepares it.
extension B2BLogicModule {
    func serverNew(_ call: borrowing Call) -> Outcome {
        guard let id = call.string(0), !id.isEmpty else { return .no }
        let draft = ServerDraft(id: id, contact: call.string(1), extraLines: extraLines(call, 2, 3))
        call.context.updateState(B2BTurnState()) { $0.server = draft }
        return .yes
    }

    /// New client entities that one message may prepare.
    private static let draftsMax = 8

    func clientNew(_ call: borrowing Call) -> Outcome {
        guard let id = call.string(0), !id.isEmpty, let destination = call.string(1) else { return .no }
        let target = destination.uriOfAddress
        guard SIPURI(target) != nil else {
            call.log(.error, "b2b_client_new: \"\(destination)\" is no URI")
            return .no
        }
        var draft = ClientDraft(id: id, target: target)
        draft.proxy = call.string(2).flatMap { $0.isEmpty ? nil : $0 }
        draft.displayName = call.string(3).flatMap { $0.isEmpty ? nil : $0 }
        draft.contact = call.string(4).flatMap { $0.isEmpty ? nil : $0 }
        draft.extraLines = extraLines(call, 5, 6)
        draft.passesLegs = flags(call, 7).contains { $0.name == "pass-legs-upstream" }
        let isAdded = call.context.updateState(B2BTurnState()) { state in
            state.clients.removeAll { $0.id == id }
            guard state.clients.count < Self.draftsMax else { return false }
            state.clients.append(draft)
            return true
        }
        if !isAdded { call.log(.error, "b2b_client_new: there are \(Self.draftsMax) new entities already") }
        return Outcome(isAdded)
    }

    /// Header lines from a list of names and one of bodies.
    func extraLines(_ call: borrowing Call, _ names: Int, _ bodies: Int) -> ByteString {
        guard call.isPresent(names), call.isPresent(bodies) else { return .empty }
        var writer = ByteWriter()
        for (name, body) in zip(call.values(names), call.values(bodies)) {
            guard let name = name.text, let body = body.text else { continue }
            writer.append(name)
            writer.append(": ")
            writer.append(body.withoutLineBreaks)
            writer.append("\r\n")
        }
        return writer.finishText()
    }

    /// `a,b=1` as names and values, which are seconds: none is below 0 or too long for a timer.
    func flags(_ call: borrowing Call, _ index: Int) -> [(name: ByteString, value: Int?)] {
        guard let text = call.string(index), !text.isEmpty else { return [] }
        return text.split(at: ASCII.comma).map { part in
            let part = part.trimmed()
            guard let equals = part.first(of: UInt8(ascii: "=")) else { return (part, nil) }
            let seconds = part.dropFirst(equals + 1).trimmed().decimal()
            return (part.prefix(equals).trimmed(), seconds.map { min(max(0, $0), B2BSettings.secondsMax) })
        }
    }

    func initRequest(_ call: borrowing Call) -> Outcome {
        let message = call.context.message
        guard let worker = worker(call), let scenario = call.string(0) else { return .no }
        guard message.isRequest, message.method == .invite, message.toTag == nil else {
            call.log(.error, "b2b_init_request: only for an INVITE outside of a dialog")
            return .no
        }
        let isTopHiding = scenario == "top hiding"
        let state = call.context.state(B2BTurnState.self) ?? B2BTurnState()
        guard isTopHiding || (state.server != nil && !state.clients.isEmpty) else {
            call.log(.error, "b2b_init_request: call b2b_server_new() and b2b_client_new() first")
            return .no
        }
        let transaction: Transaction
        switch tm.enter(call, worker) {
        case .transaction(let entered, _): transaction = entered
        case .end(let outcome): return outcome
        }
        guard transaction.isFree(for: call) else { return .no }
        guard let session = begin(call, scenario, isTopHiding, state, transaction, worker) else { return .no }
        call.context.updateState(B2BTurnState()) { $0.session = session }
        return .yes
    }

    private func begin(
        _ call: borrowing Call, _ scenario: ByteString, _ isTopHiding: Bool, _ state: B2BTurnState,
        _ transaction: Transaction, _ worker: StackWorker
    ) -> B2BSession? {
        let context = call.context
        let flags = flags(call, 1)
        for flag in flags where !Self.isKnown(flag) {
            call.log(.warning, "b2b_init_request: \"\(flag.name)\" is no flag of it, or its value is no number")
        }
        guard
            let session = logic.makeSession(
                scenario: scenario,
                requestRoute: isTopHiding && !call.isPresent(2) ? nil : route(call, 2, logic.requestRoute),
                replyRoute: isTopHiding && !call.isPresent(3) ? nil : route(call, 3, logic.replyRoute),
                isAuthTransparent: flags.contains { $0.name == "transparent-auth" }, avps: context.avps,
                beganBy: context.records)
        else {
            worker.reply(transaction, status: 503, reason: "Too Many Sessions", headers: "Retry-After: 5\r\n")
            return nil
        }
        let server = state.server ?? ServerDraft(id: "server")
        let client = isTopHiding ? ClientDraft(call.context) : state.clients[0]
        for one in state.values { _ = session.set(one.name, one.value) }
        let preservesTo = flags.contains { $0.name == "preserve-to" }
        let passesLegs = flags.contains { $0.name == "pass-legs-upstream" }
        let timeout = flags.first { $0.name == "setup-timeout" }?.value
        let plan = plan(client, call, preservesTo: preservesTo)
        let contact = contact(server.contact, call, worker.listener(of: transaction))
        let isBegun = session.turns.takeNow(worker) {
            let isBegun = session.begin(
                context.message, transaction, server: server, client: client, plan: plan, contact: contact,
                passesLegs: passesLegs, isTopHiding: isTopHiding, worker)
            session.settle(worker)
            return isBegun
        }
        guard isBegun ?? false else {
            // A command has its turn already: it ends sessions.
            if isBegun == nil { worker.reply(transaction, status: 480, reason: "Temporarily Unavailable") }
            logic.remove(session)
            return nil
        }
        session.limitSetup(seconds: timeout ?? (isTopHiding ? logic.settings.setupTimeoutSeconds : 0), worker)
        return session
    }

    private static func isKnown(_ flag: (name: ByteString, value: Int?)) -> Bool {
        switch flag.name.string {
        case "setup-timeout": flag.value != nil
        case "transparent-auth", "preserve-to", "pass-legs-upstream": true
        default: flag.name.isEmpty
        }
    }

    private func route(_ call: borrowing Call, _ index: Int, _ usual: ByteString?) -> RouteHandle? {
        guard let name = call.string(index) ?? usual else { return nil }
        if let found = call.process.engine.route(.request, name.string) { return found }
        call.log(.error, "b2b_init_request: there is no route[\(name)]")
        return nil
    }

    /// What a dialog over a listener shows as its Contact.
    func contact(_ given: ByteString?, _ call: borrowing Call, _ listener: ListenSocket?) -> LocalContact {
        if let given, !given.isEmpty { return LocalContact(given.bracketed, isGiven: true) }
        if let address = logic.settings.serverAddress {
            return LocalContact(call.run.evaluateFormat(address).bracketed, isGiven: true)
        }
        let user = logic.settings.contactHasUser ? call.context.message.from?.uri?.user : nil
        return LocalContact(of: listener, user: user, logic.host)
    }

    /// What the client entity of an initial INVITE is made from.
    func plan(_ draft: ClientDraft, _ call: borrowing Call, preservesTo: Bool) -> ClientPlan {
        let message = call.context.message
        var from = message.from?.withoutTag ?? "<sip:anonymous@anonymous.invalid>"
        if let variable = logic.settings.fromVariable {
            let value = call.run.evaluateFormat(variable)
            if !value.isEmpty, value != "<null>" { from = value.bracketed }
        }
        if let name = draft.displayName { from = from.named(name) }
        let to = preservesTo ? message.to?.withoutTag ?? .empty : .empty
        let socket = logic.host.listener(
            to: draft.proxy ?? draft.target, like: logic.host.socket(call.context.socketOut ?? call.context.socketIn))
        return ClientPlan(
            from: from, to: to.isEmpty ? ("<" + draft.target.withoutHeaders + ">") : to,
            target: draft.target.withoutHeaders, proxy: draft.proxy, contact: contact(draft.contact, call, socket),
            socket: socket,
            extraLines: draft.extraLines + draft.target.headerLines)
    }
}

extension ClientDraft {
    /// Where the script would relay the request to.
    init(_ context: MessageContext) {
        self.init(id: "client", target: context.requestURI, proxy: context.destinationURI)
    }
}

extension ScriptSocket {
    /// As a Contact value.
    func contact(user: ByteString?) -> ByteString {
        var writer = ByteWriter(reserving: 64)
        writer.append("<sip:")
        if let user, !user.isEmpty {
            writer.append(user)
            writer.append(UInt8(ascii: "@"))
        }
        let host = advertisedAddress ?? address
        let needsBrackets = host.contains(ASCII.colon) && host.first != UInt8(ascii: "[")
        if needsBrackets { writer.append("[") }
        writer.append(host)
        if needsBrackets { writer.append("]") }
        writer.append(ASCII.colon)
        writer.append(decimal: advertisedPort ?? port)
        if transport != "udp" {
            writer.append(";transport=")
            writer.append(transport)
        }
        writer.append(">")
        return writer.finishText()
    }
}

extension ByteString {
    /// As an address value: bare URIs get their brackets.
    var bracketed: ByteString { contains(UInt8(ascii: "<")) ? self : "<" + self + ">" }

    /// The URI of a header value such as that of Refer-To. A bare URI stays with all its parameters.
    var uriOfAddress: ByteString { contains(UInt8(ascii: "<")) ? NameAddress(self)?.uriText ?? self : self }

    /// An address value with another display name.
    func named(_ name: ByteString) -> ByteString {
        guard let address = NameAddress(self) else { return self }
        let name = name.first == ASCII.quote ? name : name.quoted()
        return name + " <" + address.uriText + ">"
    }

    /// A URI without what stands behind its question mark.
    var withoutHeaders: ByteString { first(of: UInt8(ascii: "?")).map { prefix($0) } ?? self }

    /// The headers of a URI (`?Replaces=…&Subject=…`) as header lines (RFC 3261 §19.1.1). What belongs to the dialog is left out.
    var headerLines: ByteString {
        guard let mark = first(of: UInt8(ascii: "?")) else { return .empty }
        var writer = ByteWriter()
        for part in dropFirst(mark + 1).split(at: UInt8(ascii: "&")) {
            guard let equals = part.first(of: UInt8(ascii: "=")) else { continue }
            let name = part.prefix(equals).percentDecoded().withoutLineBreaks
            guard Self.headersTaken.contains(HeaderID(name: name)) else { continue }
            writer.append(name)
            writer.append(": ")
            writer.append(part.dropFirst(equals + 1).percentDecoded().withoutLineBreaks)
            writer.append("\r\n")
        }
        return writer.finishText()
    }

    private static let headersTaken: Set<HeaderID> = [.replaces, .require, .subject, .referredBy, .callInfo, .priority]

    /// Line breaks become blanks, so that a value stays in its line.
    var withoutLineBreaks: ByteString {
        guard contains(ASCII.lineFeed) || contains(ASCII.carriageReturn) else { return self }
        return ByteString(elements.map { $0 == ASCII.lineFeed || $0 == ASCII.carriageReturn ? ASCII.space : $0 })
    }
}
