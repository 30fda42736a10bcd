import Bytes
package import RouteRuntime
import SIPDialog
import SIPMessage
import SIPStack
import SIPTransport

/// Follows the INVITE that made a dialog: its branches, replies and end. When nobody holds it any more and the INVITE came to no
/// end, the dialog is dropped: there never was a transaction (`sl_send_reply()`, `forward()`, a script that just ended), or it was
/// over already.
final class InviteFollower: TransactionObserver {
    private let module: DialogModule
    private let dialog: Dialog

    init(_ module: DialogModule, _ dialog: Dialog) {
        self.module = module
        self.dialog = dialog
    }

    deinit {
        if dialog.state.isOpen { module.abandon(dialog) }
    }

    func relaying(_ branch: RelayedBranch, _ edits: inout MessageEdits, _ worker: StackWorker) {
        let socket = module.host.scriptSocket(branch.socket)
        let isChanged = edits.changesBody(of: branch.request)
        let offer = isChanged ? DialogBody(of: branch.request, with: edits) : nil
        let isUnwanted = dialog.update { values -> Bool in
            values.calleeSocket = socket
            values.note(offer: offer, ofBranch: branch.index)
            if values.machine.state.isOpen { values.invite = branch.transaction }
            return values.machine.state.isOpen && values.machine.endWanted != nil
        }
        guard isUnwanted else { return }
        // Ended before it left: it is cancelled as soon as it is under way.
        let transaction = branch.transaction
        let isTaken = module.later(DialogSites.endingJob, worker) { worker.cancelAll(transaction) }
        if !isTaken { module.log(.error, "dialog: \(dialog.id) could not be cancelled: the process is too busy") }
    }

    func received(_ reply: InboundReply, _ edits: inout MessageEdits, _ worker: StackWorker) {
        let message = reply.message
        guard message.statusCode < 300 else { return }
        let isSuccess = message.statusCode >= 200
        var callee: Int?
        module.callback(DialogSites.responseForwarded, worker, status: message.statusCode) {
            callee = learn(message, reply, edits, isSuccess: isSuccess)
            let hadBye = callee.map { callee in dialog.read { $0.callees[callee].hasEarlyBye } } ?? false
            let event: DialogEvent = isSuccess ? hadBye ? .answeredAfterBye : .answered : .provisional
            let actions = module.step(dialog, event, in: .init(worker: worker))
            // It failed before: ACK and BYE of this 2xx will be looked for.
            if actions.isEmpty, isSuccess,
                dialog.read({ $0.machine.state == .deleted && $0.machine.endReason == nil })
            {
                module.linger(dialog)
            }
        }
        if !isSuccess, let callee, dialog.options.contains(.autoPrack) {
            module.prack(reply, dialog, callee: callee, &edits, worker)
        }
    }

    /// Keeps what the reply tells of the callee: one leg for each tag, and always one for the first 2xx. What comes behind a leg's
    /// 2xx tells nothing: it is late, or the same again. Answers its place; nil when it can't be kept.
    private func learn(
        _ message: Message, _ reply: InboundReply, _ edits: MessageEdits, isSuccess: Bool
    ) -> Int? {
        // A 2xx without a tag is one of RFC 2543: it answers all the same.
        guard let tag = message.toTag ?? (isSuccess ? .empty : nil), let cseq = message.cseq?.number else { return nil }
        let body = DialogBody(of: message)
        let told = DialogBody(of: message, with: edits)
        let socket = reply.transaction?.branch(reply.branch)?.destination.socket
        let scriptSocket = isSuccess ? module.host.scriptSocket(socket) : nil
        let addresses = module.addresses
        let invited = dialog.inviteNumber
        return dialog.update { values in
            var index = values.callees.firstIndex { $0.tag == tag }
            let isAnswer = isSuccess && values.confirmed == nil
            if index == nil, isAnswer || values.callees.count < DialogSettings.legsMax {
                var leg = DialogLeg(tag: tag)
                leg.note(received: values.offer(ofBranch: reply.branch))
                // The script may have sent it with another number (`uac_auth()`).
                leg.shift = CSeqShift(invite: invited, leftAs: cseq)
                leg.callerNumbers.note(invited, method: .invite)
                leg.hasEarlyBye = values.earlyByes.contains(tag)
                values.callees.append(leg)
                index = values.callees.count - 1
            }
            guard let index else { return nil }
            guard !values.callees[index].isAnswered else { return index }
            values.callees[index].refreshTarget(from: message)
            if isSuccess || values.callees[index].routes.isEmpty {
                values.callees[index].routes = RouteSet(
                    recordedBy: message, before: values.recordedBefore, isOwn: addresses.contains)
            }
            values.callees[index].note(sent: body)
            values.callees[index].note(forCaller: told)
            values.callees[index].isAnswered = isSuccess
            if values.confirmed == nil { values.caller.note(received: values.callees[index].bodyForCaller) }
            guard isAnswer else { return index }
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

/// What came of `create_dialog()`.
package enum DialogCreation {
    case dialog(Dialog)
    /// There is none: the request makes none, there are too many, or its transaction is answered already.
    case none
    /// The request came before. Its last reply went out again, and the script has nothing more to do.
    case repeated

    /// What a function that was asked for a dialog answers.
    var outcome: Outcome {
        switch self {
        case .dialog: .yes
        case .none: .no
        case .repeated: .done(0)
        }
    }
}

extension DialogModule {
    /// `create_dialog()`: a dialog for the request of a context, or the one that it has. One look-up of its transaction, so that a
    /// request that comes again makes no second one.
    ///
    /// - Parameter process: the one that runs the script.
    package func create(
        _ context: MessageContext, options: DialogOptions, on process: ScriptProcess
    ) -> DialogCreation {
        let worker = host.worker(process)
        let message = context.message
        if let use = context.dialogUse {
            if !options.isEmpty, use.isInitial { use.dialog.add(options) }
            return .dialog(use.dialog)
        }
        guard message.isRequest, message.method == .invite, message.toTag == nil, !message.callID.isEmpty,
            message.fromTag != nil
        else { return .none }
        if let transaction = context.tmTransaction {
            // After a wait: nothing would tell how the call ends.
            guard !transaction.isAnswered else { return .none }
        } else if let worker, let request = host.inbound(context),
            case .retransmission(let transaction) = worker.match(request)
        {
            worker.absorb(transaction)
            return .repeated
        }
        // The script waits, and has not relayed the first one yet.
        if context.tmTransaction == nil,
            table.find(callID: message.callID, where: { $0.isMade(by: message) && $0.state.isOpen }) != nil
        {
            return .repeated
        }
        guard let dialog = add(context, options) else { return .none }
        statistics.noteCreated()
        if let worker { callback(DialogSites.created, worker) }
        let state = context.makeTMState()
        guard state.observe(InviteFollower(self, dialog)) else { return .none }
        state.attach(DialogUse(dialog, sender: .caller, isInitial: true))
        state.attached(Hiding.self)?.adopt(dialog)
        if settings.matching != .tags {
            var writer = ByteWriter(reserving: 32)
            writer.append(UInt8(ascii: ";"))
            writer.append(settings.routeParameter)
            writer.append(ASCII.equal)
            writer.append(dialog.id)
            let parameter = writer.finishText()
            context.updateState(RouteState()) { $0.parameters = $0.parameters + parameter }
        }
        return .dialog(dialog)
    }

    private func add(_ context: MessageContext, _ options: DialogOptions) -> Dialog? {
        let message = context.message
        do throws(DialogTable.Full) {
            return try table.add(callID: message.callID) { chain, number, hash in
                Dialog(
                    chain: chain, number: number, hash: hash, request: message, options: options, createdAt: now(),
                    socket: context.socketIn, settings: settings)
            }
        } catch {
            switch error {
            case .all: log(.error, "dialog: there are \(settings.dialogsMax) dialogs already (dialogs_max)")
            case .ofCallID:
                log(
                    .error,
                    "dialog: there are \(DialogSettings.ofCallIDMax) dialogs of Call-ID \(message.callID) already")
            }
            return nil
        }
    }

    /// Drops a dialog whose INVITE nobody follows any more, soon and on a SIP process. Any thread, whatever it holds.
    func abandon(_ dialog: Dialog) {
        let isTaken = onProcess(DialogSites.abandonedJob) { [self] worker in
            step(dialog, .failed, in: .init(worker: worker))
        }
        // Its queue is full: with the next tick (`fireLife`).
        if !isTaken { timers.set(.life, of: dialog, to: Self.milliseconds()) }
    }
}
