import Bytes
import SIPDialog
import SIPMessage
import SIPStack
import SIPTransport
import Synchronization

/// A re-INVITE of this server's own: sees that each 2xx gets its ACK, also when it comes again (RFC 3261 §13.2.2.4).
final class OwnInvite: TransactionAgent {
    private struct Progress {
        var isOver = false
        var answer: Message?
        var ack: (bytes: [UInt8], destination: Destination)?
    }

    private let module: DialogModule
    private let request: OwnRequest
    private let side: DialogSide
    private let dialog: Dialog
    private let plan: OwnRequestPlan
    private let completion: DialogModule.OwnCompletion?
    private let progress = Mutex(Progress())

    init(
        _ module: DialogModule, _ request: OwnRequest, _ side: DialogSide, _ dialog: Dialog, _ plan: OwnRequestPlan,
        _ completion: DialogModule.OwnCompletion?
    ) {
        self.module = module
        self.request = request
        self.side = side
        self.dialog = dialog
        self.plan = plan
        self.completion = completion
    }

    func begin(_ transaction: Transaction, _ worker: StackWorker) {}

    func receive(_ response: AgentResponse, _ worker: StackWorker) {
        guard response.status >= 200 else { return }
        guard response.status < 300, let reply = response.message else {
            let isFirst = progress.withLock { progress in
                defer { progress.isOver = true }
                return !progress.isOver
            }
            guard isFirst else { return }
            noteOver()
            completion?(response.message, response.status, self, worker)
            return
        }
        let (isFirst, ack) = progress.withLock { progress in
            defer {
                progress.isOver = true
                progress.answer = progress.answer ?? reply
            }
            return (!progress.isOver, progress.ack)
        }
        guard isFirst else {
            // The ACK was lost, or is not known yet.
            if let ack { _ = worker.sendRaw(ack.bytes, to: ack.destination) }
            return
        }
        noteOver()
        module.note(reply, of: request, side, dialog)
        if !request.holdsAck { acknowledge(reply, worker) }
        completion?(reply, response.status, self, worker)
    }

    /// The side may get another INVITE.
    private func noteOver() {
        dialog.update { $0.updateLeg(side, callee: request.callee) { $0.noteInvite(isPending: false) } }
    }

    /// Sends the ACK of the 2xx. An INVITE without a session made the side offer one: the answer is what it was told last.
    private func acknowledge(_ reply: Message, _ worker: StackWorker) {
        guard request.body.isEmpty, !reply.body.isEmpty, let agreed = dialog.read({ $0.leg(side)?.bodyReceived }) else {
            return acknowledge(worker)
        }
        acknowledge(worker, body: agreed.text, contentType: agreed.type)
    }

    /// Sends the ACK of the 2xx, with the answer to its offer if the INVITE had none.
    func acknowledge(_ worker: StackWorker, body: ByteString = .empty, contentType: ByteString = .empty) {
        guard let reply = progress.withLock({ $0.answer }), let target = dialog.read({ $0.leg(side)?.target }) else {
            return
        }
        var local = plan.acknowledging(reply, at: target).makeRequest("ACK", module.host)
        local.body = body
        local.contentType = body.isEmpty ? .empty : contentType
        if let told = DialogBody(body, type: contentType) {
            dialog.update { $0.note(told: told, to: side) }
        }
        worker.acknowledge(local) { [self] bytes, destination in
            progress.withLock { $0.ack = (bytes, destination) }
        }
    }
}
