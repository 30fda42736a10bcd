import Bytes
import Profiling
import RouteRuntime
import SIPDialog
import SIPMessage
import SIPStack
import Synchronization

/// Which dialog a request belongs to, and what follows from that.
extension DialogModule {
    struct Match {
        let dialog: Dialog
        let sender: DialogSide
        /// As in `DialogUse`.
        let callee: Int?
        let isMainLeg: Bool
    }

    /// `loose_route()` found our Route: the request may belong to a dialog.
    func route(_ context: MessageContext, _ parameters: ByteString, _ worker: StackWorker) {
        guard context.dialogUse == nil,
            let match = find(context.message, identifier: identifier(in: parameters), mode: settings.matching)
        else { return }
        enter(match, context, worker)
    }

    /// The dialog's id among the parameters of our own Route or request URI.
    func identifier(in parameters: ByteString) -> ByteString? {
        parameters.isEmpty ? nil : Parameters(parameters).value(settings.routeParameter)
    }

    /// Finds the dialog of a request: by the id first where the mode says so. Call-ID and tags must fit in any case.
    ///
    /// - Parameter callID: as the caller has it.
    func find(
        _ message: Message, identifier: ByteString?, mode: DialogMatching, callID: ByteString? = nil
    ) -> Match? {
        let callID = callID ?? message.callID
        guard let from = message.fromTag, let to = message.toTag else { return nil }
        if mode != .tags, let identifier {
            guard let parts = Dialog.parts(of: identifier),
                let dialog = table.find(chain: parts.chain, number: parts.number), dialog.callID == callID
            else { return nil }
            return self.match(dialog, from, to)
        }
        guard mode != .identifier else { return nil }
        var found: Match?
        _ = table.find(callID: callID) { dialog in
            guard let match = match(dialog, from, to) else { return false }
            // One that is over gives way to one that is not.
            if found == nil || dialog.state != .deleted { found = match }
            return dialog.state != .deleted
        }
        return found
    }

    private func match(_ dialog: Dialog, _ from: ByteString, _ to: ByteString) -> Match? {
        dialog.read { values in
            let sender: DialogSide
            let calleeTag: ByteString
            if values.caller.tag == from {
                (sender, calleeTag) = (.caller, to)
            } else if values.caller.tag == to {
                (sender, calleeTag) = (.callee, from)
            } else {
                return nil
            }
            guard let index = values.callees.firstIndex(where: { $0.tag == calleeTag }) else {
                if values.callees.isEmpty {
                    // No reply has come by here yet.
                    return Match(dialog: dialog, sender: sender, callee: nil, isMainLeg: true)
                }
                guard values.callees.count >= DialogSettings.legsMax else { return nil }
                return Match(dialog: dialog, sender: sender, callee: DialogUse.unknownCallee, isMainLeg: false)
            }
            return Match(
                dialog: dialog, sender: sender, callee: index,
                isMainLeg: values.confirmed.map { $0 == index } ?? true)
        }
    }

    /// The request is one of the dialog: the dialog is told, and follows it out and its replies back.
    func enter(_ match: Match, _ context: MessageContext, _ worker: StackWorker) {
        worker.probe.enter(DialogSites.requestWithin)
        defer { worker.probe.exit(DialogSites.requestWithin) }
        let message = context.message
        let isValid = message.method != .bye || fault(of: context, match.dialog, match.sender, match.callee) == nil
        let use = DialogUse(
            match.dialog, sender: match.sender, isInitial: false, callee: match.callee, isMainLeg: match.isMainLeg,
            endsWhenRelayed: !isValid)
        context.makeTMState().attach(use)
        use.restoreAutomatically(context)
        switch message.method {
        case .ack where match.isMainLeg:
            step(match.dialog, .acknowledged, in: .init(worker: worker))
        case .bye where isValid && match.isMainLeg: noteBye(use, of: message, worker)
        default: break
        }
        context.outboundEdits.append { [self] context, edits, _ in leave(use, context, &edits) }
        if message.method != .ack { context.observeTransaction(SequentialFollower(self, use, message)) }
    }

    /// A BYE of the leg that matters. That of an early dialog counts for that one only.
    func noteBye(_ use: DialogUse, of message: Message, _ worker: StackWorker) {
        let tag = (use.sender == .caller ? message.toTag : message.fromTag) ?? .empty
        use.dialog.update { values in
            guard values.machine.state.isOpen else { return }
            if let index = values.callees.firstIndex(where: { $0.tag == tag }) {
                values.callees[index].hasEarlyBye = true
            } else if values.earlyByes.count < DialogSettings.legsMax, !values.earlyByes.contains(tag) {
                values.earlyByes.append(tag.compacted())
            }
        }
        step(use.dialog, .bye(use.sender), in: .init(worker: worker))
    }

    /// The request leaves: numbers are counted and, where requests of ours went between, moved.
    private func leave(_ use: DialogUse, _ context: MessageContext, _ edits: inout MessageEdits) {
        let message = context.message
        guard let cseq = message.cseq else { return }
        // The answer to what a 2xx offered. What a request offers counts when it is accepted.
        let isAnswer = message.method == .ack && use.isMainLeg
        let answer = isAnswer ? DialogBody(of: message) : nil
        let relayed = isAnswer ? DialogBody(of: message, with: edits) : nil
        let change = use.dialog.update { values -> (number: UInt32, rack: UInt32)? in
            if message.method == .ack {
                for side in [DialogSide.caller, .callee] {
                    values.updateLeg(side, callee: use.callee) { $0.noteAck(of: cseq.number) }
                }
            }
            values.updateLeg(use.sender, callee: use.callee) { leg in
                leg.numbers.note(cseq.number, method: message.method)
                leg.note(sent: answer)
            }
            if use.sender == .caller {
                values.updateLeg(.callee, callee: use.callee) {
                    $0.callerNumbers.note(cseq.number, method: message.method)
                }
            }
            // Requests of our own go to the caller on the main leg only: another one's numbers stay as they are.
            guard use.isMainLeg || use.sender == .caller else { return nil }
            values.note(told: relayed, to: use.sender.other, callee: use.callee)
            return values.updateLeg(use.sender.other, callee: use.callee) { leg in
                let rack = leg.shift.offsetOfInvite(message.rack?.cseq.number ?? 0)
                return (leg.shift.outgoing(cseq.number, method: message.method), rack)
            }
        }
        guard let change else { return }
        if change.number != cseq.number { edits.setSequenceNumber(change.number, of: message) }
        if change.rack != 0 { edits.raiseRAck(of: message, by: change.rack) }
    }

    /// What of a request does not fit its dialog; nil when all does.
    ///
    /// - Parameter callee: as in `DialogUse`.
    func fault(
        of context: MessageContext, _ dialog: Dialog, _ sender: DialogSide, _ callee: Int?
    ) -> RequestFault? {
        let message = context.message
        let claims = RequestClaims(
            method: message.method, number: message.cseq?.number, requestURI: context.requestURI,
            routes: remainingRoutes(context))
        return dialog.read { values in
            guard let called = values.leg(.callee, callee: callee) else { return .unusable }
            return sender == .caller
                ? claims.fault(from: called.callerNumbers, to: called)
                : claims.fault(from: called.numbers, to: values.caller)
        }
    }
}

extension DialogModule {
    /// The Route values behind our own: as `loose_route()` left them, or found here when it was not called.
    private func remainingRoutes(_ context: MessageContext) -> [ByteString] {
        let message = context.message
        let all = message.elements(of: .route).map { message.text($0.range) }
        if let remaining = context.state(RouteState.self)?.remaining { return remaining }
        return Array(all.drop { NameAddress($0)?.uri.map(addresses.contains) ?? false })
    }
}

/// Follows a request inside a dialog: its replies, and what they mean for the dialog.
final class SequentialFollower: TransactionObserver {
    private let module: DialogModule
    private let use: DialogUse
    private let request: Message
    private let progress = Mutex(Progress())

    private struct Progress {
        /// The body that the other side gets.
        var asked: DialogBody?
        /// It is an INVITE that has no answer yet.
        var isPending = false
    }

    init(_ module: DialogModule, _ use: DialogUse, _ request: Message) {
        self.module = module
        self.use = use
        self.request = request
    }

    func relaying(_ branch: RelayedBranch, _ edits: inout MessageEdits, _ worker: StackWorker) {
        if request.method == .invite {
            // Its answers may need another CSeq.
            branch.transaction.awaitLateAnswers()
            notePending(true)
        }
        if request.method == .invite || request.method == .update {
            let asked = DialogBody(of: request, with: edits)
            progress.withLock { $0.asked = asked }
        }
        // A BYE that did not fit was let through by the script all the same.
        if request.method == .bye, use.endsWhenRelayed, use.isMainLeg {
            module.noteBye(use, of: request, worker)
        }
    }

    func answered(_ transaction: Transaction, status: Int, response: Message?, _ worker: StackWorker) {
        finish()
    }

    func ended(_ transaction: Transaction, _ worker: StackWorker) { finish() }

    /// Without a transaction: the script let a BYE go no further, or sent it on without state.
    deinit {
        if request.method == .bye { module.settleAccountingLater(use.dialog) }
    }

    private func finish() {
        notePending(false)
        if request.method == .bye { module.settleAccounting(use.dialog) }
    }

    /// An INVITE goes by, or is over: neither side gets another one meanwhile.
    private func notePending(_ isPending: Bool) {
        let isChange = progress.withLock { progress in
            defer { progress.isPending = isPending }
            return progress.isPending != isPending
        }
        guard isChange else { return }
        use.dialog.update { values in
            for side in [DialogSide.caller, .callee] {
                values.updateLeg(side, callee: use.callee) { $0.noteInvite(isPending: isPending) }
            }
        }
    }

    func received(_ reply: InboundReply, _ edits: inout MessageEdits, _ worker: StackWorker) {
        worker.probe.enter(DialogSites.responseWithin)
        defer { worker.probe.exit(DialogSites.responseWithin, status: Int32(reply.message.statusCode)) }
        if let number = request.cseq?.number, reply.message.cseq?.number != number {
            edits.setSequenceNumber(number, of: reply.message)
        }
        guard (200..<300).contains(reply.message.statusCode), use.isMainLeg else { return }
        let isInvite = request.method == .invite || request.method == .update
        // A 2xx makes both sides' Contacts count (RFC 3261 §12.2, RFC 6665 §4.4.1).
        guard isInvite || request.method == .subscribe || request.method == .notify || request.method == .refer else {
            return
        }
        let due = request.method == .invite ? acknowledgementDue() : nil
        let asked = isInvite ? DialogBody(of: request) : nil
        let toldAsked = isInvite ? progress.withLock { $0.asked } : nil
        let answered = isInvite ? DialogBody(of: reply.message) : nil
        let toldAnswered = isInvite ? DialogBody(of: reply.message, with: edits) : nil
        use.dialog.update { values in
            values.updateLeg(use.sender, callee: use.callee) { leg in
                leg.refreshTarget(from: request)
                leg.note(sent: asked)
            }
            values.updateLeg(use.sender.other, callee: use.callee) { leg in
                leg.refreshTarget(from: reply.message)
                leg.note(sent: answered)
            }
            values.note(told: toldAnswered, to: use.sender, callee: use.callee)
            values.note(told: toldAsked, to: use.sender.other, callee: use.callee)
            guard let due, let number = request.cseq?.number else { return }
            for side in [DialogSide.caller, .callee] {
                values.updateLeg(side, callee: use.callee) { $0.awaitAck(of: number, until: due) }
            }
        }
    }

    /// Until when the ACK of a 2xx is waited for; nil for a 2xx that comes again.
    private func acknowledgementDue() -> Int? {
        guard progress.withLock({ $0.isPending }) else { return nil }
        return DialogModule.milliseconds() + DialogSettings.ackMilliseconds
    }
}
