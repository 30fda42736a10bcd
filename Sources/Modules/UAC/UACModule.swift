import Bytes
import RouteLanguage
import RouteRuntime
import SIPDialog
import SIPMessage
import SIPStack

/// `uac` at work. Changes travel as edits of the request; what later requests of the dialog need is kept in the dialog where there
/// is one, and travels in Record-Route else.
struct UACModule: Sendable {
    enum RestoreMode { case none, manual, auto }

    /// From or To.
    enum Side: CaseIterable { case from, to }

    /// The Record-Route parameter that keeps by how much CSeq was raised.
    static let sequenceParameter: ByteString = "vsc"
    /// Most that CSeq is raised by in a dialog that is not followed: what is more could not be told again from a Route, and would
    /// leave the numbers of the dialog no room (RFC 3261 §8.1.1.5).
    static let sequenceRaiseMax = 1 << 30
    /// AVPs of the transaction: replies are restored already; the most by which CSeq was raised.
    static let restoresName: ByteString = "_uac_restores"
    static let sequenceName: ByteString = "_uac_cseq"

    let mode: RestoreMode
    let password: ByteString?
    let names: (from: ByteString, to: ByteString)
    let credentials: UACAuthModule
    /// Makes the dialog of a request that has none (`force_dialog`).
    let dialogs: DialogModule?

    static func bind(_ environment: ModuleEnvironment) throws(ModuleError) -> ModuleBinding {
        let parameters = environment.parameters
        let mode: RestoreMode
        switch parameters.text("uac", "restore_mode")?.lowercased().string ?? "auto" {
        case "none": mode = .none
        case "manual": mode = .manual
        case "auto": mode = .auto
        default: throw ModuleError.value("uac", "restore_mode", parameters.text("uac", "restore_mode") ?? .empty)
        }
        let names = (
            from: parameters.text("uac", "rr_from_store_param") ?? "vsf",
            to: parameters.text("uac", "rr_to_store_param") ?? "vst"
        )
        guard names.from.isToken, names.to.isToken, names.from != names.to else {
            throw ModuleError("uac", "rr_from_store_param and rr_to_store_param must be two different names")
        }
        let forcesDialog = parameters.isOn("uac", "force_dialog")
        guard !forcesDialog || environment.dialogs != nil else {
            throw ModuleError("uac", "force_dialog", "1", "load dialog.so before uac.so")
        }
        let module = UACModule(
            mode: mode, password: parameters.text("uac", "restore_passwd"), names: names,
            credentials: try environment.credentials(), dialogs: forcesDialog ? environment.dialogs : nil)
        environment.inDialog.append { context, _, parameters in module.follow(context, parameters) }
        return ModuleBinding(
            "uac",
            functions: [
                "uac_replace_from": { call in module.replace(call, .from) },
                "uac_replace_to": { call in module.replace(call, .to) },
                "uac_restore_from": { call in module.restore(call, .from) },
                "uac_restore_to": { call in module.restore(call, .to) },
                "uac_auth": { call in module.authenticate(call) },
                "uac_inc_cseq": { call in
                    guard let amount = call.integer(0), amount > 0, let step = UInt32(exactly: amount) else {
                        return .no
                    }
                    return Outcome(module.raiseSequence(call.context, by: step))
                },
            ])
    }

    func name(_ side: Side) -> ByteString { side == .from ? names.from : names.to }

    /// Has the replies of this request's transaction restored. Once is enough for all changes.
    static func restoreReplies(_ context: MessageContext) {
        guard context.avps.value(Self.restoresName) == nil else { return }
        _ = context.avps.push(Self.restoresName, .integer(1))
        context.observeTransaction(UACRestorer(context.message))
    }

    /// Raises CSeq beyond what the transaction's requests had so far. False at the end of the numbers.
    func raiseSequence(_ context: MessageContext, by step: UInt32) -> Bool {
        guard let number = context.message.cseq?.number else { return false }
        if let use = context.dialogUse, !use.isInitial {
            // The dialog keeps count of its numbers, and gives the request its own whenever it leaves.
            return use.dialog.update { values in
                values.updateLeg(use.sender.other, callee: use.callee) { $0.shift.move(by: Int(step)) }
            } != nil
        }
        let before = max(0, min(context.avps.value(Self.sequenceName)?.integer ?? 0, 1 << 31))
        let sum = before + Int(step)
        guard sum <= Self.sequenceRaiseMax, Int(number) + sum < 1 << 31 else { return false }
        context.edits.setSequenceNumber(number + UInt32(sum), of: context.message)
        context.avps.replaceAll(Self.sequenceName, with: .integer(sum))
        if context.message.toTag == nil, context.dialogUse == nil {
            record(context, Self.sequenceParameter, ByteString(decimal: sum))
        }
        Self.restoreReplies(context)
        return true
    }

    /// Puts a parameter into the Record-Route of the request, in place of one of that name that a branch inherited.
    func record(_ context: MessageContext, _ name: ByteString, _ value: ByteString) {
        context.updateState(RouteState()) { state in
            var writer = ByteWriter(reserving: state.parameters.count + name.count + value.count + 2)
            for parameter in Parameters(state.parameters) {
                let all = Parameters(state.parameters)
                guard !all.name(of: parameter).equalsIgnoringCase(name) else { continue }
                writer.append(ASCII.semicolon)
                writer.append(all.name(of: parameter))
                if parameter.hasValue {
                    writer.append(ASCII.equal)
                    writer.append(all.value(of: parameter))
                }
            }
            writer.append(ASCII.semicolon)
            writer.append(name)
            writer.append(ASCII.equal)
            writer.append(value)
            state.parameters = writer.finishText()
        }
    }
}
