import Bytes
import Profiling
import Reactor
import RouteLanguage
import RouteRuntime
import SIPDialog
import SIPMessage
import SIPStack

/// `topology_hiding` at work: takes Via, Record-Route and Contact of one side out of what goes to the other, and puts them back.
///
/// With a dialog it is the dialog that knows both sides; without one each side's Contact bears what leads to the other.
final class TopologyHidingModule: Sendable {
    let settings: HidingSettings
    let host: ScriptHost
    let dialogs: DialogModule?
    let addresses: LocalAddresses

    static let hideSite = Site("topology_hiding", file: "topo_hiding_logic", line: 1)
    static let matchSite = Site("topology_hiding_match", file: "topo_hiding_logic", line: 2)

    private init(_ environment: ModuleEnvironment) throws(ModuleError) {
        settings = try HidingSettings(environment.parameters)
        host = environment.host
        dialogs = environment.dialogs
        addresses = environment.addresses
        guard dialogs != nil || !settings.forcesDialog else {
            throw ModuleError("topology_hiding", "force_dialog", "1", "load dialog.so before topology_hiding.so")
        }
    }

    static func bind(_ environment: ModuleEnvironment) throws(ModuleError) -> ModuleBinding {
        let module = try TopologyHidingModule(environment)
        return ModuleBinding(
            "topology_hiding",
            functions: [
                "topology_hiding": { call in module.recorded(hideSite, call) { module.hide(call) } },
                "topology_hiding_match": { call in module.recorded(matchSite, call) { module.match(call) } },
            ],
            variables: [
                VariableDefinition(
                    .init("TH_callee_callid"),
                    read: { access in Value(access.context.dialog?.read { $0.calleeCallID }) })
            ])
    }

    private func recorded(_ site: Site, _ call: borrowing Call, _ body: () -> Outcome) -> Outcome {
        let probe = call.process.process.probe
        probe.enter(site)
        let outcome = body()
        if case .done(let code) = outcome { probe.exit(site, status: code) } else { probe.exit(site) }
        return outcome
    }

    // MARK: the first request

    private func hide(_ call: borrowing Call) -> Outcome {
        let context = call.context
        guard context.message.isRequest, context.message.toTag == nil else { return .no }
        guard context.tmState?.attached(Hiding.self) == nil else { return .yes }
        guard let flags = HidingFlags(call.string(0) ?? .empty) else {
            call.log(.error, "topology_hiding: \"\(call.string(0) ?? "")\" has a letter that is none of U, D, a, A, C")
            return .no
        }
        let users = Self.users(call.string(1))
        var dialog = context.dialog
        if dialog == nil, settings.forcesDialog, context.message.method == .invite, let dialogs {
            switch dialogs.create(context, options: [], on: call.process) {
            case .dialog(let made): dialog = made
            case .none: break
            case .repeated: return DialogCreation.repeated.outcome
            }
        }
        let sides = HidingSides(flags: flags, users: users)
        if let dialog { keep(sides, in: dialog, context.message) }
        follow(context, Hiding(self, context, dialog, sides, sender: .caller))
        return .yes
    }

    /// Lets a dialog know what was asked for.
    func keep(_ sides: HidingSides, in dialog: Dialog, _ request: Message) {
        let hiddenCallID = sides.flags.contains(.hidesCallID) ? hiddenCallID(request) : nil
        dialog.update { values in
            values.hiding = sides
            values.calleeCallID = hiddenCallID
            // What was recorded before us does not go on.
            values.recordedBefore = 0
        }
        let users = sides.users
        if let user = users.caller { dialogs?.setVariable(settings.callerUserVariable, .string(user), of: dialog) }
        if let user = users.callee { dialogs?.setVariable(settings.calleeUserVariable, .string(user), of: dialog) }
    }

    /// `both` or `/caller/callee`
    private static func users(_ text: ByteString?) -> (caller: ByteString?, callee: ByteString?) {
        guard let text, !text.isEmpty else { return (nil, nil) }
        guard text.first == UInt8(ascii: "/") else { return (text.compacted(), text.compacted()) }
        let parts = text.dropFirst(1).split(at: UInt8(ascii: "/")).map { $0.isEmpty ? nil : $0.compacted() }
        return (parts[0], parts.count > 1 ? parts[1] : nil)
    }

    private func hiddenCallID(_ message: Message) -> ByteString {
        var text = message.callID
        if settings.hidesTagInCallID, let tag = message.fromTag { text = text + "\n" + tag }
        return settings.callIDPrefix + settings.callID.hide(text)
    }

    /// As the caller has it; nil when it is not one that was hidden here.
    private func revealedCallID(_ callID: ByteString) -> ByteString? {
        guard callID.count > settings.callIDPrefix.count,
            callID.prefix(settings.callIDPrefix.count) == settings.callIDPrefix
        else { return nil }
        let text = settings.callID.reveal(callID.dropFirst(settings.callIDPrefix.count))
        return text?.split(at: ASCII.lineFeed).first
    }

    private func follow(_ context: MessageContext, _ hiding: Hiding) {
        context.makeTMState().attach(hiding)
        context.outboundEdits.append { context, edits, outbound in hiding.leave(context, &edits, outbound) }
        if context.message.method != .ack { context.observeTransaction(hiding) }
    }

    // MARK: requests inside

    private func match(_ call: borrowing Call) -> Outcome {
        let context = call.context
        let message = context.message
        guard message.isRequest, message.toTag != nil, let worker = host.worker(call.process) else { return .no }
        guard context.tmState?.attached(Hiding.self) == nil else { return .yes }
        if let side = hiddenSide(message) { return Outcome(restore(side, context)) }
        guard let dialogs else { return .no }
        var mode = dialogs.settings.matching
        if let word = call.string(0), !word.isEmpty {
            guard let named = DialogMatching(word) else { return .no }
            mode = named
        }
        let id = dialogs.routeIdentifier(context) ?? userIdentifier(message)
        guard
            let match = dialogs.find(message, identifier: id, mode: mode)
                ?? revealedCallID(message.callID).flatMap({
                    dialogs.find(message, identifier: id, mode: mode, callID: $0)
                }),
            let sides = match.dialog.read({ $0.hiding })
        else { return .no }
        let dialog = match.dialog
        guard dialogs.fixRoute(context, dialog, to: match.sender.other, callee: match.callee) else { return .no }
        context.socketOut =
            (match.sender == .caller ? dialog.read { $0.calleeSocket } : dialog.callerSocket) ?? context.socketOut
        dialogs.enter(match, context, worker)
        follow(context, Hiding(self, context, dialog, sides, sender: match.sender))
        return .yes
    }

    /// With `D` the dialog's id is the user of our Contact.
    private func userIdentifier(_ message: Message) -> ByteString? {
        guard let uri = SIPURI(message.requestURI), addresses.contains(uri), Dialog.parts(of: uri.user) != nil else {
            return nil
        }
        return uri.user
    }

    /// What our Contact says of the side that the request goes to.
    private func hiddenSide(_ message: Message) -> HiddenSide? {
        guard let uri = SIPURI(message.requestURI) else { return nil }
        for parameter in settings.parameters {
            guard let value = uri.parameters.value(parameter.name) else { continue }
            return parameter.text.reveal(value).flatMap { HiddenSide($0) }
        }
        return nil
    }

    /// Sends the request to the side that its request URI stands for.
    private func restore(_ side: HiddenSide, _ context: MessageContext) -> Bool {
        let target = DialogTarget(remoteTarget: side.contact, routes: RouteSet(side.routes))
        DialogModule.replaceRoutes(of: context, with: target)
        context.socketOut = addresses.socket(described: side.socket) ?? context.socketOut
        let sender: DialogSide = side.wishes.isOfCaller ? .callee : .caller
        follow(context, Hiding(self, context, nil, HidingSides(side.wishes), sender: sender))
        return true
    }
}
