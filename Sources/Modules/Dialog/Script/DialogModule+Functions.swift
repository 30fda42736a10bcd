import Bytes
import Profiling
import Reactor
package import RouteRuntime
import SIPDialog
import SIPMessage
import SIPStack

/// What scripts call.
extension DialogModule {
    package static func bind(_ environment: ModuleEnvironment) throws(ModuleError) -> ModuleBinding {
        let module = try DialogModule(environment)
        module.statistics.registerGauges { module.table.count }
        environment.dialogs = module
        return ModuleBinding(
            "dialog",
            functions: module.followingFunctions.merging(module.valueFunctions) { one, _ in one }
                .merging(module.profileFunctions) { one, _ in one }.merging(module.searchFunctions) { one, _ in one },
            variables: module.variables)
    }

    private var followingFunctions: [String: HostFunction] {
        [
            "create_dialog": { [self] call in
                recorded(DialogSites.create, call) {
                    guard let options = DialogOptions(call.string(0) ?? .empty) else {
                        call.log(.error, "create_dialog: \"\(call.string(0) ?? "")\" is no flag of it")
                        return .no
                    }
                    return create(call.context, options: options, on: call.process).outcome
                }
            },
            "match_dialog": { [self] call in recorded(DialogSites.match, call) { match(call) } },
            "validate_dialog": { [self] call in
                recorded(DialogSites.validate, call) {
                    guard let use = call.context.dialogUse, !use.isInitial else {
                        return .done(RequestFault.unusable.rawValue)
                    }
                    let fault = fault(of: call.context, use.dialog, use.sender, use.callee)
                    return fault.map { .done($0.rawValue) } ?? .yes
                }
            },
            "fix_route_dialog": { [self] call in
                recorded(DialogSites.fixRoute, call) {
                    guard let use = call.context.dialogUse, !use.isInitial else { return .no }
                    return Outcome(fixRoute(call.context, use.dialog, to: use.sender.other, callee: use.callee))
                }
            },
            "dlg_send_sequential": { [self] call in
                recorded(DialogSites.sendSequential, call) { sendSequential(call) }
            },
            "dlg_inc_cseq": { [self] call in incrementCSeq(call) },
            "dlg_on_answer": { call in Self.arm(call) { $0.onAnswer = $1 } },
            "dlg_on_timeout": { call in Self.arm(call) { $0.onTimeout = $1 } },
            "dlg_on_hangup": { call in Self.arm(call) { $0.onHangup = $1 } },
        ]
    }

    /// Runs a function's body inside a level 1 record of its name.
    private func recorded(_ site: Site, _ call: borrowing Call, _ body: () -> Outcome) -> Outcome {
        let probe = call.process.process.probe
        probe.enter(site)
        let outcome = body()
        if case .done(let code) = outcome { probe.exit(site, status: code) } else { probe.exit(site) }
        return outcome
    }

    private static func arm(
        _ call: borrowing Call, _ set: (inout Dialog.Values, RouteHandle?) -> Void
    ) -> Outcome {
        guard let dialog = call.context.dialog else { return .no }
        let route = call.route(0)
        if route == nil, call.isPresent(0) {
            call.log(.error, "\(call.name): there is no route \"\(call.string(0) ?? "")\"")
            return .no
        }
        dialog.update { set(&$0, route) }
        return .yes
    }

    private func match(_ call: borrowing Call) -> Outcome {
        let context = call.context
        guard context.dialogUse == nil else { return .yes }
        var mode = settings.matching
        if let word = call.string(0), !word.isEmpty {
            guard let named = DialogMatching(word) else {
                call.log(.error, "match_dialog: \"\(word)\" is none of DID_ONLY, DID_FALLBACK and DID_NONE")
                return .no
            }
            mode = named
        }
        guard let worker = host.worker(call.process),
            let match = find(context.message, identifier: routeIdentifier(context), mode: mode)
        else { return .no }
        enter(match, context, worker)
        return .yes
    }

    /// The dialog's id in our own Route, or in the request URI when that is ours.
    func routeIdentifier(_ context: MessageContext) -> ByteString? {
        if let own = context.state(RouteState.self)?.ownParameters, let id = identifier(in: own) { return id }
        let message = context.message
        if let top = message.routes.first?.uri, addresses.contains(top), let id = identifier(in: top.parameters.text) {
            return id
        }
        guard let uri = SIPURI(message.requestURI), addresses.contains(uri) else { return nil }
        return identifier(in: uri.parameters.text)
    }

    /// Sends the request where the dialog says: request URI, Route and next hop are the dialog's.
    ///
    /// - Parameter callee: as in `DialogUse`.
    func fixRoute(_ context: MessageContext, _ dialog: Dialog, to side: DialogSide, callee: Int?) -> Bool {
        guard let target = dialog.read({ $0.leg(side, callee: callee)?.target }), !target.requestURI.isEmpty else {
            return false
        }
        Self.replaceRoutes(of: context, with: target)
        return true
    }

    /// Takes all Route values off and puts the target's in. Where they are what is left already, by `loose_route()` or an earlier
    /// call, they stay.
    static func replaceRoutes(of context: MessageContext, with target: DialogTarget) {
        context.requestURI = target.requestURI
        context.destinationURI = target.nextHop
        guard context.state(RouteState.self)?.remaining != target.routes else { return }
        let message = context.message
        let fields = Array(message.all(.route))
        for field in fields { context.edits.remove(field) }
        let lines = target.routeLines
        if !lines.isEmpty {
            if let last = fields.last ?? message.last(.via) {
                context.edits.insert(at: last.line.end) { $0.append(lines) }
            }
        }
        context.updateState(RouteState()) { $0.remaining = target.routes }
    }

    private func sendSequential(_ call: borrowing Call) -> Outcome {
        guard let dialog = call.context.dialog, let worker = host.worker(call.process), let method = call.string(0),
            let leg = call.string(1)
        else { return .no }
        guard let side = DialogSide(leg) else {
            call.log(.error, "dlg_send_sequential: \"\(leg)\" is neither caller nor callee")
            return .no
        }
        guard OwnRequest.isSendable(method) else {
            call.log(.error, "dlg_send_sequential: \"\(method)\" is no method of a request that can be sent by itself")
            return .no
        }
        var request = OwnRequest(method: method, headers: call.string(4)?.asHeaderLines ?? .empty)
        request.body = call.string(2) ?? .empty
        request.contentType = call.string(3)?.trimmed() ?? .empty
        guard dialog.state != .deleted else { return .no }
        let outcome = send(request, to: side, of: dialog, worker)
        if outcome == .invitePending {
            call.log(.notice, "dlg_send_sequential: another INVITE of the \(leg) has no answer yet")
        }
        return Outcome(outcome == .sent)
    }

    private func incrementCSeq(_ call: borrowing Call) -> Outcome {
        guard let dialog = call.context.dialog else { return .no }
        // A lone number stands for the increment: the tag may be left out.
        let first = call.isPresent(1) ? nil : call.value(0).integer
        let change = first ?? call.integer(1) ?? 1
        let tag = first == nil ? call.string(0) ?? call.context.message.toTag : call.context.message.toTag
        guard (-999_999...999_999).contains(change), let tag else { return .no }
        return Outcome(
            dialog.update { values in
                if values.caller.tag == tag {
                    values.caller.shift.move(by: change)
                    return true
                }
                guard let index = values.callees.firstIndex(where: { $0.tag == tag }) else { return false }
                values.callees[index].shift.move(by: change)
                return true
            })
    }
}

extension DialogSide {
    init?(_ word: ByteString) {
        if word.equalsIgnoringCase("caller") {
            self = .caller
        } else if word.equalsIgnoringCase("callee") {
            self = .callee
        } else {
            return nil
        }
    }
}
