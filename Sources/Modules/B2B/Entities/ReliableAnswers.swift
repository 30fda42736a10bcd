import Bytes
import SIPMessage
import SIPStack

/// The reliable provisional responses of ours to one INVITE of the far end, and what of them is acknowledged (RFC 3262 §3). A
/// value: knows no message and no socket.
///
/// Several forks behind the peer may be one dialog here, so each dialog (To tag) has numbers of its own, and where each came from.
struct ReliableAnswers {
    /// Which response of the peer's side it was.
    struct Origin: Equatable {
        let rseq: UInt32
        /// To tag of the fork.
        let tag: ByteString
    }

    private struct Answer {
        let toTag: ByteString
        let rseq: UInt32
        let origin: Origin
        let hasBody: Bool
        var isAcknowledged = false
    }

    /// CSeq of the INVITE.
    let invite: UInt32
    /// The last of each dialog.
    private var last: [Answer] = []
    /// The last of each fork that was passed on.
    private var passed: [Origin] = []

    init(invite: UInt32) { self.invite = invite }

    /// Another one may only be sent when this is false.
    var isWaiting: Bool { last.contains { !$0.isAcknowledged } }
    /// A 2xx has to wait for the PRACK of a response with a body.
    var isBodyWaiting: Bool { last.contains { !$0.isAcknowledged && $0.hasBody } }

    /// The RSeq of a further response: the origin's own for the first of a dialog, then one more each time.
    mutating func number(_ origin: Origin, toTag: ByteString, hasBody: Bool) -> UInt32 {
        let before = last.firstIndex { $0.toTag == toTag }
        let rseq = before.map { last[$0].rseq &+ 1 } ?? origin.rseq
        before.map { _ = last.remove(at: $0) }
        last.append(Answer(toTag: toTag, rseq: rseq, origin: origin, hasBody: hasBody))
        passed.removeAll { $0.tag == origin.tag }
        if passed.count == B2BEntity.legsMax { passed.removeFirst() }
        passed.append(origin)
        return rseq
    }

    /// The RSeq of a response that the origin repeats itself until its PRACK; nil: it is not to be passed on now. A repetition keeps
    /// its number; what would come before an open PRACK comes again, what comes out of order is as if lost.
    mutating func numberPassing(_ origin: Origin, toTag: ByteString, hasBody: Bool) -> UInt32? {
        let before = last.first { $0.toTag == toTag }
        if let before, !before.isAcknowledged { return before.origin == origin ? before.rseq : nil }
        if let known = passed.first(where: { $0.tag == origin.tag }), origin.rseq != known.rseq &+ 1 { return nil }
        return number(origin, toTag: toTag, hasBody: hasBody)
    }

    /// A PRACK came: what it acknowledges; nil: nothing that was sent, or is open still (481).
    ///
    /// - Parameter again: also what is acknowledged already, for a PRACK that comes again with credentials.
    mutating func acknowledge(_ rack: RAck, toTag: ByteString, again: Bool) -> Origin? {
        guard rack.cseq.method == .invite, rack.cseq.number == invite,
            let found = last.firstIndex(where: { $0.toTag == toTag && $0.rseq == rack.responseNumber }),
            again || !last[found].isAcknowledged
        else { return nil }
        last[found].isAcknowledged = true
        return last[found].origin
    }
}

/// A reliable provisional response, or a 2xx, that waits for the PRACK of one before.
struct HeldAnswer {
    let response: AgentResponse
    let request: OutgoingRequest
    /// Whose response it is.
    let entity: B2BEntity
    /// The INVITE that it answers.
    let waiting: Transaction

    /// That may wait at once; further ones are as if lost, and come again.
    static let countMax = 16

    var hasBody: Bool { response.message.map { !$0.bodyRange.isEmpty } ?? false }
}

extension B2BEntity {
    /// The ledger of an INVITE of the far end.
    func withReliableAnswers<Result>(
        to waiting: Transaction, _ body: (inout ReliableAnswers) -> Result
    ) -> Result {
        let number = waiting.originalRequest?.cseq?.number ?? 0
        var answers = reliableAnswers.flatMap { $0.invite == number ? $0 : nil } ?? ReliableAnswers(invite: number)
        defer { reliableAnswers = answers }
        return body(&answers)
    }
}
