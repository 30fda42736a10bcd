import Bytes
import Profiling
import SIPDialog
import SIPMessage
import SIPStack

/// One call that the server has itself, as its only party: told of by `E_UA_SESSION`, driven by `ua_session_*`.
///
/// It has one entity. Its affairs are decided in turns (`TurnQueue`).
final class UASession: EntityOwner, @unchecked Sendable {
    // @unchecked: what changes belongs to the turn; the rest is constant.

    /// Requests of the far end that may wait for `ua_session_reply` at once, besides an INVITE. The oldest gives way with 500.
    static let unansweredMax = 16

    // Constants.
    let service: UASessions
    let flags: UASessionFlags
    /// Second at which its life is over.
    let endsAt: Int
    /// The session of records that made it.
    let beganBy: SessionLink
    let turns = TurnQueue()

    // The turn.
    var records: SessionLink
    /// Requests of the far end that wait for an answer, oldest first; the INVITE is the entity's.
    var unanswered: [Transaction] = []

    init(_ service: UASessions, flags: UASessionFlags, beganBy: SessionLink) {
        self.service = service
        self.flags = flags
        self.beganBy = beganBy
        endsAt = service.now() + (flags.lifeSeconds ?? service.lifeSeconds)
        records = beganBy
    }

    func handle(_ event: EntityEvent, _ entity: B2BEntity, _ worker: StackWorker, _ turn: Turn) {
        records = beganBy
        switch event {
        case .request(let request, let transaction): receive(request.message, transaction, entity, worker)
        case .response(let response, let request): receive(response, request, entity, worker)
        case .cancelled(let transaction, let request): cancelled(transaction, request?.message, entity, worker)
        case .unacknowledged: expire(entity, "No ACK", worker)
        }
        entity.publish()
        turn.end()
    }

    // MARK: requests

    private func receive(
        _ message: Message, _ transaction: Transaction?, _ entity: B2BEntity, _ worker: StackWorker
    ) {
        let awaitsAck = entity.repeater != nil && entity.invite == nil
        guard entity.accepts(message, transaction, worker) else { return }
        guard let transaction else {
            if awaitsAck, flags.reportsAcks { raise(.updated, message, entity) }
            return
        }
        switch message.method {
        case .bye:
            entity.reply(transaction, 200, "OK", site: B2BSites.ownReply, worker)
            raise(.terminated, message, entity)
            entity.settleInvite(worker)
            close(entity, worker)
        case .invite:
            if entity.refusesInvite(transaction, worker) { return }
            entity.invite = transaction
            raise(.updated, message, entity)
        default:
            if message.method == .prack { entity.stopRepeating(final: false) }
            keep(transaction, entity, worker)
            raise(.updated, message, entity)
        }
    }

    private func keep(_ transaction: Transaction, _ entity: B2BEntity, _ worker: StackWorker) {
        unanswered.removeAll { $0.isAnswered }
        if unanswered.count == Self.unansweredMax {
            let oldest = unanswered.removeFirst()
            entity.reply(oldest, 500, "Server Internal Error", site: B2BSites.ownReply, worker)
        }
        unanswered.append(transaction)
    }

    /// The stack has sent 200 and 487. A re-INVITE that is cancelled leaves the call as it was.
    private func cancelled(
        _ transaction: Transaction, _ message: Message?, _ entity: B2BEntity, _ worker: StackWorker
    ) {
        guard entity.invite === transaction else { return }
        entity.invite = nil
        guard entity.state != .confirmed else { return }
        raise(.terminated, method: "CANCEL", message, entity)
        close(entity, worker)
    }

    // MARK: responses

    private func receive(
        _ response: AgentResponse, _ request: OutgoingRequest, _ entity: B2BEntity, _ worker: StackWorker
    ) {
        guard entity.learn(response, request, worker) else { return }
        let isInvite = request.method == .invite
        if entity.retry(response, request, worker) { return }
        if case .notice = request.purpose { return }
        if response.status < 200, let message = response.message,
            let isNew = entity.noteReliable(message, of: request)
        {
            guard isNew else { return }
            if !service.entities.passesPRACK { entity.acknowledgeReliably(message, request, worker) }
        }
        if isInvite, (200..<300).contains(response.status), !flags.leavesAcks { entity.acknowledge(request, worker) }
        if flags.reportsReplies { raise(response, request, entity) }
        if isInvite, response.status >= 300, entity.state != .confirmed { close(entity, worker) }
    }

    // MARK: ends

    /// Nobody ended it, but it is over: the far end gets a BYE, or what is due in its place.
    func expire(_ entity: B2BEntity, _ why: ByteString, _ worker: StackWorker) {
        raise(.terminated, method: "BYE", nil, entity, reason: why)
        entity.hangUp(worker)
        close(entity, worker)
    }

    /// What still waits is answered (RFC 3261 §15.1.2), and the session forgotten.
    func close(_ entity: B2BEntity, _ worker: StackWorker) {
        for transaction in unanswered + [entity.invite].compactMap(\.self) where !transaction.isAnswered {
            entity.reply(transaction, 487, "Request Terminated", site: B2BSites.ownReply, worker)
        }
        unanswered = []
        service.forget(entity)
        entity.delete(worker)
    }
}
