import Bytes
import RouteRuntime
import SIPDialog
import SIPMessage
import SIPStack
import SIPTransport
import Synchronization

/// How the two sides of a hidden call are shown to each other.
final class HidingSides: Sendable {
    let flags: HidingFlags
    let users: (caller: ByteString?, callee: ByteString?)
    /// The Contact that each side was shown last; where it has to stay, first.
    private let shown = Mutex<(caller: ByteString?, callee: ByteString?)>((nil, nil))

    init(flags: HidingFlags, users: (caller: ByteString?, callee: ByteString?)) {
        self.flags = flags
        self.users = users
    }

    func user(for side: DialogSide) -> ByteString? { side == .caller ? users.caller : users.callee }

    /// The Contact for a side: `made`, or the first one where that has to stay.
    func settled(_ made: ByteString, for side: DialogSide) -> ByteString {
        let stays = flags.contains(side == .caller ? .keepsCallerContact : .keepsCalleeContact)
        return shown.withLock { shown in
            let contact = stays ? (side == .caller ? shown.caller : shown.callee) ?? made : made
            if side == .caller { shown.caller = contact } else { shown.callee = contact }
            return contact
        }
    }

    /// The Contact that a side knows the other by, as a header value; nil before it was shown one.
    func shownContact(to side: DialogSide) -> ByteString? {
        shown.withLock { side == .caller ? $0.caller : $0.callee }
    }
}

/// Hides one request and its replies.
final class Hiding: TransactionObserver {
    private let module: TopologyHidingModule
    private let place: Mutex<(dialog: Dialog?, hasLeft: Bool)>
    private let sides: HidingSides
    private let sender: DialogSide
    private let request: Message
    private let inbound: ScriptSocket?

    init(
        _ module: TopologyHidingModule, _ context: MessageContext, _ dialog: Dialog?, _ sides: HidingSides,
        sender: DialogSide
    ) {
        self.module = module
        place = Mutex((dialog, false))
        self.sides = sides
        self.sender = sender
        request = context.message
        inbound = context.socketIn
    }

    /// What knows both sides; nil: the Contacts do.
    private var dialog: Dialog? { place.withLock { $0.dialog } }

    /// A dialog was made behind `topology_hiding()`: it knows both sides from now on, unless the other side was told already who
    /// does.
    func adopt(_ dialog: Dialog) {
        let isTaken = place.withLock { place in
            guard place.dialog == nil, !place.hasLeft else { return false }
            place.dialog = dialog
            return true
        }
        if isTaken { module.keep(sides, in: dialog, request) }
    }

    /// The request leaves.
    func leave(_ context: MessageContext, _ edits: inout MessageEdits, _ outbound: ScriptSocket) {
        let message = context.message
        let dialog = place.withLock { place in
            place.hasLeft = true
            return place.dialog
        }
        for field in message.all(.via) { edits.remove(field) }
        for field in message.all(.recordRoute) { edits.remove(field) }
        if let dialog, let field = message.first(.callID) {
            let callID = sender == .caller ? dialog.read { $0.calleeCallID } ?? dialog.callID : dialog.callID
            if callID != message.callID { edits.replaceValue(of: field, with: callID) }
        }
        let routes = RouteSet(recordedBy: message)
        replaceContacts(
            of: message, &edits, for: sender.other, socket: outbound,
            side: { self.hidden(self.sender, at: $0, routes, by: self.inbound?.description ?? .empty) })
    }

    func relaying(_ branch: RelayedBranch, _ edits: inout MessageEdits, _ worker: StackWorker) {
        // The Vias are here only.
        branch.transaction.awaitLateAnswers()
    }

    func received(_ reply: InboundReply, _ edits: inout MessageEdits, _ worker: StackWorker) {
        let message = reply.message
        if let via = message.first(.via), let transaction = reply.transaction {
            edits.insert(line: transaction.viaLines(worker), after: via)
        }
        let recorded = Array(message.all(.recordRoute))
        for field in recorded { edits.remove(field) }
        let before = request.all(.recordRoute).reduce(ByteString.empty) { $0 + request.text($1.line) }
        if !before.isEmpty { edits.append(line: before, to: message) }
        if message.callID != request.callID, let field = message.first(.callID) {
            edits.replaceValue(of: field, with: request.callID)
        }
        guard let inbound, message.statusCode / 100 != 3 else { return }
        let addresses = module.addresses
        let routes = RouteSet(recordedBy: message, before: 0, isOwn: addresses.contains)
        let socket = reply.transaction?.branch(reply.branch)?.destination.socket
        let name = module.host.scriptSocket(socket)?.description ?? .empty
        replaceContacts(
            of: message, &edits, for: sender, socket: inbound,
            side: { self.hidden(self.sender.other, at: $0, routes, by: name) })
    }

    // MARK: Contact

    private func hidden(_ side: DialogSide, at contact: ByteString, _ routes: RouteSet, by socket: ByteString)
        -> HiddenSide
    {
        HiddenSide(
            contact: contact, routes: routes.values, socket: socket, wishes: HidingWishes(sides, of: side))
    }

    private func replaceContacts(
        of message: Message, _ edits: inout MessageEdits, for side: DialogSide, socket: ScriptSocket,
        side hidden: (ByteString) -> HiddenSide
    ) {
        guard message.method != .register else { return }
        var isFirst = true
        for field in message.all(.contact) {
            guard isFirst, let contact = message.address(.contact), !contact.isAsterisk else {
                edits.remove(field)
                continue
            }
            isFirst = false
            let made = self.contact(contact, for: side, socket, hidden)
            edits.replaceValue(of: field, with: sides.settled(made, for: side))
        }
    }

    /// Our Contact in the place of another.
    private func contact(
        _ contact: NameAddress, for side: DialogSide, _ socket: ScriptSocket, _ hidden: (ByteString) -> HiddenSide
    ) -> ByteString {
        let uri = contact.uri
        let dialog = dialog
        var writer = ByteWriter(reserving: 160)
        writer.append("<sip:")
        if let user = user(of: uri, for: side) {
            writer.append(user)
            writer.append(ASCII.at)
        }
        writer.append(socket.hostAndPort)
        if socket.transport != "udp" {
            writer.append(";transport=")
            writer.append(socket.transport)
        }
        if let dialog {
            if !sides.flags.contains(.identifierAsUser), let dialogs = module.dialogs {
                writer.append(ASCII.semicolon)
                writer.append(dialogs.settings.routeParameter)
                writer.append(ASCII.equal)
                writer.append(dialog.id)
            }
        } else {
            writer.append(ASCII.semicolon)
            writer.append(module.settings.used.name)
            writer.append(ASCII.equal)
            writer.append(module.settings.used.text.hide(hidden(contact.uriText).text))
        }
        if let uri { Self.pass(module.settings.passedURIParameters, of: uri.parameters, to: &writer) }
        writer.append(ASCII.greater)
        Self.pass(module.settings.passedParameters, of: contact.parameters, to: &writer)
        return writer.finishText()
    }

    private func user(of uri: SIPURI?, for side: DialogSide) -> ByteString? {
        if let dialog {
            if sides.flags.contains(.identifierAsUser) { return dialog.id }
            // The script may have set it since.
            let name = side == .caller ? module.settings.callerUserVariable : module.settings.calleeUserVariable
            if let user = dialog.variable(name)?.text, !user.isEmpty { return user }
        }
        if let user = sides.user(for: side) { return user }
        guard sides.flags.contains(.passesUser), let uri, uri.hasUser else { return nil }
        return uri.user
    }

    private static func pass(_ names: [ByteString], of parameters: Parameters, to writer: inout ByteWriter) {
        for name in names {
            guard let parameter = parameters.first(name) else { continue }
            writer.append(ASCII.semicolon)
            writer.append(parameters.name(of: parameter))
            guard parameter.hasValue else { continue }
            writer.append(ASCII.equal)
            writer.append(parameters.value(of: parameter))
        }
    }
}

extension ScriptSocket {
    /// As others are told to reach it: `192.0.2.1:5060`.
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
