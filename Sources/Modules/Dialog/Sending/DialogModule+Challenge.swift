import Bytes
import SIPDialog
import SIPMessage
import SIPStack

/// The `challenge` modes of `dialog:send_sequential`: one side is asked for its session, the other gets what it said.
extension DialogModule {
    /// Sends an INVITE or UPDATE to a side, and what it answers with to the other one. An INVITE without a body asks for an
    /// offer: its ACK bears the other side's answer (RFC 3725 §4.1), or, where that side refuses, what was agreed before.
    ///
    /// - Parameter completion: gets the last reply; called once if the first request was sent. Where the other side can't be asked
    ///   it says 491 (another INVITE is pending there) or 500.
    func challenge(
        _ request: OwnRequest, first side: DialogSide, of dialog: Dialog, _ worker: StackWorker,
        completion: @escaping OwnCompletion
    ) -> OwnSending {
        var first = request
        first.holdsAck = first.isInvite && first.body.isEmpty
        let holdsAck = first.holdsAck
        let method = first.method
        return send(first, to: side, of: dialog, worker) { [self] reply, status, invite, worker in
            guard (200..<300).contains(status), let reply else { return completion(reply, status, invite, worker) }
            if reply.body.isEmpty, invite != nil {
                // A 2xx without a session: there is nothing to hand on.
                if holdsAck { invite?.acknowledge(worker) }
                return completion(reply, status, invite, worker)
            }
            var second = OwnRequest(method: method)
            second.body = reply.body.compacted()
            second.contentType = (reply.value(.contentType) ?? "application/sdp").compacted()
            let outcome = send(second, to: side.other, of: dialog, worker) { [self] answer, status, other, worker in
                if holdsAck { answerOffer(invite, answer, status, side, dialog, worker) }
                completion(answer, status, other, worker)
            }
            guard outcome != .sent else { return }
            if holdsAck { answerOffer(invite, nil, 500, side, dialog, worker) }
            completion(nil, outcome == .invitePending ? 491 : 500, nil, worker)
        }
    }

    private func answerOffer(
        _ invite: OwnInvite?, _ answer: Message?, _ status: Int, _ side: DialogSide, _ dialog: Dialog,
        _ worker: StackWorker
    ) {
        if let answer, (200..<300).contains(status), !answer.body.isEmpty {
            invite?.acknowledge(
                worker, body: answer.body, contentType: answer.value(.contentType) ?? "application/sdp")
            return
        }
        let known = dialog.read { $0.leg(side)?.bodyReceived } ?? .none
        invite?.acknowledge(worker, body: known.text, contentType: known.type)
    }
}
