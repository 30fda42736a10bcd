import Bytes
import Profiling
import RouteRuntime
import SIPDialog
import SIPMessage
import SIPStack

/// How a session begins.
extension B2BSession {
    /// Makes the first two entities and sends the first INVITE. False when that was not possible; the caller has its answer.
    func begin(
        _ message: Message, _ transaction: Transaction, server: ServerDraft, client: ClientDraft, plan: ClientPlan,
        contact: LocalContact, passesLegs: Bool, isTopHiding: Bool, _ worker: StackWorker
    ) -> Bool {
        guard phase != .ended else {
            // By a command, before it had anybody.
            worker.reply(transaction, status: 480, reason: "Temporarily Unavailable")
            return false
        }
        guard message.maxForwards != 0 else {
            worker.reply(transaction, status: 483, reason: "Too Many Hops")
            return false
        }
        guard AgentDialog(request: message, localTag: .empty) != nil else {
            worker.reply(transaction, status: 400, reason: "Bad Request")
            return false
        }
        guard
            let caller = logic.entities.makeServer(
                message, contact: contact, socket: worker.listener(of: transaction), id: server.id, owner: self)
        else {
            worker.reply(transaction, status: 503, reason: "Too Many Entities", headers: "Retry-After: 5\r\n")
            return false
        }
        worker.probe.enter(isTopHiding ? B2BSites.topHidingClient : B2BSites.clientNew)
        defer { worker.probe.exit(isTopHiding ? B2BSites.topHidingClient : B2BSites.clientNew, status: 1) }
        guard let callee = logic.entities.makeClient(plan, id: client.id, owner: self, worker) else {
            caller.delete(worker)
            worker.reply(transaction, status: 503, reason: "Too Many Entities", headers: "Retry-After: 5\r\n")
            return false
        }
        guard logic.entities.adopt(transaction, by: caller, worker) else {
            caller.delete(worker)
            callee.delete(worker)
            return false
        }
        caller.invite = transaction
        caller.extraLines = server.extraLines
        caller.contactParameters = settings.passedContactParameters(of: message).compacted()
        callee.passesLegs = passesLegs || client.passesLegs
        caller.peer = callee
        callee.peer = caller
        entities = [caller, callee]
        limitLife(seconds: settings.durationMaxSeconds)
        callee.send(
            "INVITE", lines: initialLines(message), body: message.body,
            contentType: message.value(.contentType) ?? .empty, purpose: .pass, answers: transaction,
            maxForwards: Int(message.maxForwards ?? 70) - 1, avps: avps, site: B2BSites.initialRequest, worker)
        return true
    }

    /// Header lines of an INVITE that begins a dialog for the sake of another INVITE.
    func initialLines(_ message: Message) -> ByteString {
        var lines = settings.passedLines(of: message, isAuthTransparent: isAuthTransparent)
        if let name = settings.callIDHeader { lines = lines + name + ": " + message.callID + "\r\n" }
        return lines
    }

    /// The session ends when the first two do not have each other by then; 0: no limit but that of its life.
    func limitSetup(seconds: Int, _ worker: StackWorker) {
        guard seconds > 0 else { return }
        worker.schedule(
            SessionTask(self) { session, worker in
                guard session.phase == .setup else { return }
                session.end(worker, status: 408, reason: "Request Timeout")
            }, afterMilliseconds: seconds * 1000)
    }
}
