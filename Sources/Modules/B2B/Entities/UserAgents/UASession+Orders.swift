package import Bytes
import SIPMessage
import SIPStack

/// Why an order to a session was not carried out.
package enum UAOrderError: Error, Sendable {
    case noSession
    /// No request of that method waits for an answer.
    case nothingToAnswer
    /// The dialog is not where such a request can be sent.
    case notNow
    /// Too many entities, or too much waits for the session.
    case busy
}

/// A message that a controller wants sent.
package struct UAContent: Sendable {
    package var body: ByteString
    /// Whole header lines.
    package var lines: ByteString
    /// Empty: `application/sdp` when there is a body and no line says otherwise.
    package var contentType: ByteString

    package init(body: ByteString = .empty, lines: ByteString = .empty, contentType: ByteString = .empty) {
        self.body = body
        self.lines = lines
        let isTyped = lines.first(of: "content-type:", ignoringCase: true) != nil
        self.contentType = contentType.isEmpty && !body.isEmpty && !isTyped ? "application/sdp" : contentType
    }
}

/// What a controller orders. On the turn.
extension UASession {
    /// `ua_session_update`
    func send(
        _ method: ByteString, _ content: UAContent, _ entity: B2BEntity, _ worker: StackWorker
    ) throws(UAOrderError) {
        switch Method(method) {
        case .bye: return terminate(content.lines, entity, worker)
        case .ack:
            guard let sent = entity.inviteSent, sent.isAnswered else { throw .notNow }
            entity.acknowledge(
                sent, lines: content.lines, body: content.body, contentType: content.contentType, worker)
            return
        case .cancel:
            guard let sent = entity.inviteSent, !sent.isAnswered else { throw .notNow }
            sent.giveUp(worker)
            return
        case .invite:
            guard entity.state == .confirmed, entity.inviteSent == nil, entity.invite == nil else { throw .notNow }
        default:
            guard entity.state == .confirmed || entity.state == .early else { throw .notNow }
        }
        entity.send(
            method, lines: content.lines, body: content.body, contentType: content.contentType, purpose: .pass,
            site: B2BSites.ownRequest, worker)
    }

    /// `ua_session_reply`
    func reply(
        _ method: ByteString, _ status: Int, _ reason: ByteString, _ content: UAContent, _ entity: B2BEntity,
        _ worker: StackWorker
    ) throws(UAOrderError) {
        let isInvite = Method(method) == .invite
        let found =
            isInvite
            ? entity.invite : unanswered.first { !$0.isAnswered && $0.originalRequest?.methodText == method }
        guard let transaction = found else { throw .nothingToAnswer }
        let reason = reason.isEmpty ? ByteString(StatusCode.reason(status)) : reason
        let isSent = entity.reply(
            transaction, status, reason, lines: content.lines, body: content.body, contentType: content.contentType,
            site: B2BSites.ownReply, worker)
        guard isSent else { throw .nothingToAnswer }
        if status < 200 {
            guard isInvite else { return }
            if entity.state == .new { entity.state = .early }
            if content.lines.first(of: "rseq:", ignoringCase: true) != nil {
                entity.repeatAnswer(transaction, final: false, worker)
            }
            return
        }
        unanswered.removeAll { $0 === transaction }
        // An INVITE that was refused made no call.
        if isInvite, status >= 300, entity.state != .confirmed { close(entity, worker) }
    }

    /// `ua_session_terminate`: BYE; CANCEL of what rings; 480 to who waits for an answer.
    func terminate(_ lines: ByteString, _ entity: B2BEntity, _ worker: StackWorker) {
        entity.hangUp(worker, lines: lines)
        close(entity, worker)
    }
}
