import Bytes
import RouteLanguage
import RouteRuntime
import SIPMessage
import Synchronization

/// `acc` at work: writes a record when the transaction of a request is answered, when an accounted call ends, and on the
/// script's word.
///
/// A request that is accounted costs two objects and one follower of its transaction, a call with a CDR nothing more until it
/// ends; others cost nothing.
final class AccModule: Sendable {
    let extra: AccFields
    let legs: AccFields
    let detectsDirection: Bool
    let level: ScriptLogLevel
    let now: @Sendable () -> Int
    let print: @Sendable (ScriptLogLevel, String) -> Void
    let events: EventOutlet
    private let reportsCancels: Bool
    /// Known when all modules are bound: `dialog` may be loaded behind `acc`.
    private let dialogs = Mutex<DialogModule?>(nil)

    init(_ environment: ModuleEnvironment) throws(ModuleError) {
        let parameters = environment.parameters
        extra = try AccFields(parameters.texts("acc", "extra_fields"), parameter: "extra_fields")
        legs = try AccFields(parameters.texts("acc", "leg_fields"), parameter: "leg_fields")
        for word in extra.missing + legs.missing {
            environment.log(.warning, "acc: there is no backend \"\(word)\" yet; its fields are not written")
        }
        reportsCancels = parameters.isOn("acc", "report_cancels")
        detectsDirection = parameters.isOn("acc", "detect_direction")
        guard !parameters.isOn("acc", "early_media") else {
            throw ModuleError("acc", "early_media", nil, "provisional replies are not accounted; use 0")
        }
        level = ScriptLogLevel(rawValue: parameters.integer("acc", "log_level") ?? 2) ?? .notice
        now = environment.now
        print = environment.print
        events = environment.events
        environment.atStart { [self, environment] in dialogs.withLock { $0 = environment.dialogs } }
    }

    var binding: ModuleBinding {
        ModuleBinding(
            "acc",
            functions: [
                "do_accounting": { [self] call in doAccounting(call) },
                "drop_accounting": { [self] call in dropAccounting(call) },
                "acc_log_request": { [self] call in accountNow(call, .log) },
                "acc_evi_request": { [self] call in accountNow(call, .event) },
                "acc_new_leg": { [self] call in
                    let count = legs.tags.count
                    return Outcome(
                        self.call(call.context).values.withLock { values in
                            guard count > 0, values.legs.count < AccCall.legsMax else { return false }
                            values.legs.append(Array(repeating: .null, count: count))
                            return true
                        })
                },
                "acc_load_ctx_from_dlg": { call in
                    guard call.context.state(LoadedAccounting.self)?.call == nil else {
                        call.log(
                            .error, "\(call.name): another one is loaded; acc_unload_ctx_from_dlg() goes first")
                        return .no
                    }
                    guard let found = call.context.dialog?.accounting as? AccCall else { return .no }
                    call.context.updateState(LoadedAccounting()) { $0.call = found }
                    return .yes
                },
                "acc_unload_ctx_from_dlg": { call in
                    guard call.context.state(LoadedAccounting.self)?.call != nil else { return .no }
                    call.context.updateState(LoadedAccounting()) { $0.call = nil }
                    return .yes
                },
            ],
            variables: variables)
    }

    func state(_ context: MessageContext) -> AccState {
        AccState.own(context) {
            AccCall(self, extraCount: extra.tags.count, legCount: legs.tags.count, createdAt: now())
        }
    }

    // MARK: What to account

    private func doAccounting(_ call: borrowing Call) -> Outcome {
        guard let backends = backends(call, 0), var flags = flags(call, 1) else { return .no }
        let context = call.context
        let message = context.message
        guard message.isRequest else { return .no }
        if message.method == .cancel, !reportsCancels { return .yes }
        let state = state(context)
        if message.method == .cancel {
            // A CANCEL is answered hop by hop: nothing later tells of it.
            let record = AccRecord(
                .request, of: message, code: "200", reason: "OK", toTag: nil, timestamp: now(),
                isUpstream: isUpstream(context))
            let values = state.call.values.withLock { $0 }
            for backend in [AccFields.Backend.log, .event] where backends.contains(backend.option) {
                write(record, backend, values)
            }
            return .yes
        }
        if flags.contains(.cdr) {
            flags.remove(.cdr)
            // Requests within a dialog are accounted by themselves.
            if message.method == .invite, message.toTag == nil {
                switch accountDialog(call, state.call) {
                case .dialog: state.call.values.withLock { $0.cdr.formUnion(backends) }
                case .repeated: return .done(0)
                case .none: call.log(.error, "\(call.name): the request makes no dialog; its transaction is accounted")
                }
            }
        }
        let isNew = state.values.withLock { values in
            let wanted = flags.union(.answered)
            if backends.contains(.log) { values.log.formUnion(wanted) }
            if backends.contains(.event) { values.event.formUnion(wanted) }
            defer { values.isFollowing = true }
            return !values.isFollowing
        }
        if isNew { follow(context, state) }
        return .yes
    }

    /// Makes the dialog of an INVITE, where the script has not, and gives it the call to account.
    private func accountDialog(_ call: borrowing Call, _ accounted: AccCall) -> DialogCreation {
        guard let dialogs = dialogs.withLock({ $0 }) else { return .none }
        let creation = dialogs.create(call.context, options: [], on: call.process)
        if case .dialog(let dialog) = creation {
            accounted.values.withLock { $0.dialog = dialog }
            dialog.account(as: accounted)
        }
        return creation
    }

    private func dropAccounting(_ call: borrowing Call) -> Outcome {
        let context = call.context
        let state = AccState.existing(context)
        guard let accounted = state?.call ?? AccCall.ofDialog(context) else { return .yes }
        guard let backends = call.isPresent(0) ? backends(call, 0) : .all, let flags = flags(call, 1) else {
            return .no
        }
        let dropped = call.isPresent(1) ? flags : [.answered, .missed, .failed, .cdr]
        state?.values.withLock { values in
            if backends.contains(.log) { values.log.subtract(dropped) }
            if backends.contains(.event) { values.event.subtract(dropped) }
        }
        if dropped.contains(.cdr) { accounted.values.withLock { $0.cdr.subtract(backends) } }
        return .yes
    }

    private func backends(_ call: borrowing Call, _ index: Int) -> AccBackends? {
        var backends: AccBackends = []
        for word in (call.string(index) ?? .empty).split(at: UInt8(ascii: "|")).map({ $0.trimmed() }) {
            if word.equalsIgnoringCase("log") {
                backends.insert(.log)
            } else if word.equalsIgnoringCase("evi") {
                backends.insert(.event)
            } else if word.equalsIgnoringCase("db") || word.equalsIgnoringCase("aaa") {
                // The checker has warned of it: the other backends are accounted to all the same.
                continue
            } else {
                call.log(.error, "\(call.name): SIPRay has no accounting to \"\(word)\"; use log or evi")
                return nil
            }
        }
        return backends
    }

    private func flags(_ call: borrowing Call, _ index: Int) -> AccState.Flags? {
        var flags: AccState.Flags = []
        guard let text = call.string(index), !text.isEmpty else { return flags }
        for word in text.split(at: UInt8(ascii: "|")).map({ $0.trimmed() }) {
            if word.equalsIgnoringCase("missed") {
                flags.insert(.missed)
            } else if word.equalsIgnoringCase("failed") {
                flags.insert(.failed)
            } else if word.equalsIgnoringCase("cdr") {
                flags.insert(.cdr)
            } else {
                call.log(.error, "\(call.name): SIPRay has no accounting flag \"\(word)\"; use cdr, missed or failed")
                return nil
            }
        }
        return flags
    }

    /// The request comes from the called side, as the `ftag` of our own Route value tells.
    func isUpstream(_ context: MessageContext) -> Bool {
        guard detectsDirection, let own = context.state(RouteState.self)?.ownParameters,
            let tag = Parameters(own).value("ftag")
        else { return false }
        return tag != context.message.fromTag
    }
}
