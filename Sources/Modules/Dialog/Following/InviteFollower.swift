import Bytes
package import RouteRuntime
import SIPDialog
import SIPMessage
import SIPStack
import SIPTransport

/// Follows the INVITE that made a dialog: its branches, replies and end.
final class InviteFollower: TransactionObserver {
    private let module: DialogModule
    private let dialog: Dialog

    init(_ module: DialogModule, _ dialog: Dialog) {
        self.module = module
        self.dialog = dialog
    }

    func relaying(_ branch: RelayedBranch, _ edits: inout MessageEdits, _ worker: StackWorker) {
        let socket = module.host.scriptSocket(branch.socket)
        dialog.update { values in
            values.calleeSocket = socket
            if !values.machine.state.isConfirmed { values.invite = branch.transaction }
        }
    }

    func received(_ reply: InboundReply, _ edits: inout MessageEdits, _ worker: StackWorker) {
        let message = reply.message
        guard message.statusCode < 300 else { return }
        let isSuccess = message.statusCode >= 200
        var callee: Int?
        module.callback(DialogSites.responseForwarded, worker, status: message.statusCode) {
            callee = learn(message, reply, isSuccess: isSuccess)
            module.step(dialog, isSuccess ? .answered : .provisional, in: .init(worker: worker))
        }
        if !isSuccess, let callee, dialog.options.contains(.autoPrack) {
            module.prack(reply, dialog, callee: callee, &edits, worker)
        }
    }

    /// Keeps what the reply tells of the callee: one leg for each tag. Answers its place; nil when it can't be kept.
    private func learn(_ message: Message, _ reply: InboundReply, isSuccess: Bool) -> Int? {
        guard let tag = message.toTag, let cseq = message.cseq?.number else { return nil }
        let socket = reply.transaction?.branch(reply.branch)?.destination.socket
        let scriptSocket = isSuccess ? module.host.scriptSocket(socket) : nil
        let addresses = module.addresses
        let invited = dialog.inviteNumber
        return dialog.update { values in
            var index = values.callees.firstIndex { $0.tag == tag }
            if index == nil, values.callees.count < DialogSettings.legsMax {
                var leg = DialogLeg(tag: tag)
                leg.noteBodyReceived(values.caller.bodySent)
                // The script may have sent it with another number (`uac_auth()`).
                leg.shift = CSeqShift(invite: invited, leftAs: cseq)
                leg.callerNumbers.note(invited, method: .invite)
                values.callees.append(leg)
                index = values.callees.count - 1
            }
            guard let index else { return nil }
            values.callees[index].refreshTarget(from: message)
            if isSuccess || values.callees[index].routes.isEmpty {
                values.callees[index].routes = RouteSet(
                    recordedBy: message, before: values.recordedBefore, isOwn: addresses.contains)
            }
            values.callees[index].noteBodySent(message)
            values.caller.noteBodyReceived(message.body)
            guard isSuccess, values.confirmed == nil else { return index }
            values.confirmed = index
            if let scriptSocket { values.calleeSocket = scriptSocket }
            return index
        }
    }

    func answered(_ transaction: Transaction, status: Int, response: Message?, _ worker: StackWorker) {
        if status >= 300 {
            module.step(dialog, .failed, in: .init(worker: worker))
        } else if response == nil {
            // Answered by the script: there is no callee, and no BYE will come by.
            module.step(dialog, .failed, in: .init(worker: worker))
        }
    }

    func cancelled(_ transaction: Transaction, by request: InboundRequest?, _ worker: StackWorker) {
        if request != nil { module.step(dialog, .cancelled, in: .init(worker: worker)) }
    }

    func ended(_ transaction: Transaction, _ worker: StackWorker) {
        // Never answered; nothing happens to a dialog that is confirmed.
        module.step(dialog, .failed, in: .init(worker: worker))
        dialog.update { values in values.invite = nil }
    }
}

extension DialogModule {
    /// `create_dialog()`: a dialog for the request of a context. Nil when it is none that makes one, or there are too many.
    ///
    /// - Parameter process: the one that runs the script.
    package func create(_ context: MessageContext, options: DialogOptions, on process: ScriptProcess) -> Dialog? {
        let worker = host.worker(process)
        let message = context.message
        if let use = context.dialogUse { return use.dialog }
        guard message.isRequest, message.method == .invite, message.toTag == nil, !message.callID.isEmpty,
            message.fromTag != nil
        else { return nil }
        let made = table.add(callID: message.callID) { chain, number, hash in
            Dialog(
                chain: chain, number: number, hash: hash, request: message, options: options, createdAt: now(),
                socket: context.socketIn, settings: settings)
        }
        guard let dialog = made else {
            log(.error, "dialog: there are \(settings.dialogsMax) dialogs already (dialogs_max)")
            return nil
        }
        statistics.noteCreated()
        if let worker { callback(DialogSites.created, worker) }
        let state = context.makeTMState()
        state.attach(DialogUse(dialog, sender: .caller, isInitial: true))
        state.observe(InviteFollower(self, dialog))
        if settings.matching != .tags {
            var writer = ByteWriter(reserving: 32)
            writer.append(UInt8(ascii: ";"))
            writer.append(settings.routeParameter)
            writer.append(ASCII.equal)
            writer.append(dialog.id)
            let parameter = writer.finishText()
            context.updateState(RouteState()) { $0.parameters = $0.parameters + parameter }
        }
        return dialog
    }
}
