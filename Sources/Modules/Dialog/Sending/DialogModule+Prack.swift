import Bytes
import SIPDialog
import SIPMessage
import SIPStack

/// `auto-prack`: reliable provisional replies are acknowledged here, in the caller's place (RFC 3262).
extension DialogModule {
    /// Acknowledges the reply, and makes it an unreliable one for the caller. One that comes again, or before the one in front of
    /// it, is not acknowledged (RFC 3262 §4).
    ///
    /// - Parameter callee: which of the callees sent it.
    func prack(
        _ reply: InboundReply, _ dialog: Dialog, callee: Int, _ edits: inout MessageEdits, _ worker: StackWorker
    ) {
        let message = reply.message
        guard message.lists("100rel", in: .require), let number = message.number(.rseq), let cseq = message.cseq,
            let sequence = UInt32(exactly: number), sequence > 0
        else { return }
        let isNext = dialog.update { values -> Bool? in
            values.updateLeg(.callee, callee: callee) { leg -> Bool? in
                // Where a PRACK can't be addressed, it is the caller's to send one.
                guard !leg.target.requestURI.isEmpty else { return nil }
                guard leg.acknowledged == 0 || sequence == leg.acknowledged &+ 1 else { return false }
                leg.acknowledged = sequence
                return true
            } ?? nil
        }
        guard let isNext else { return }
        edits.takeReliability(of: message)
        guard isNext else { return }
        var writer = ByteWriter(reserving: 32)
        writer.append("RAck: ")
        writer.append(decimal: UInt64(sequence))
        writer.append(ASCII.space)
        writer.append(decimal: UInt64(cseq.number))
        writer.append(" INVITE\r\n")
        var request = OwnRequest(method: "PRACK", headers: writer.finishText())
        request.callee = callee
        request.finalResponseMilliseconds = settings.prackMilliseconds
        let transaction = reply.transaction
        let hangsUp = settings.hangsUpOnPrackFailure
        send(request, to: .callee, of: dialog, worker) { _, status, _, worker in
            guard status >= 300, hangsUp, let transaction else { return }
            worker.giveUp(transaction)
            worker.reply(transaction, status: 502, reason: "Bad Gateway")
        }
    }
}

extension MessageEdits {
    /// Takes RSeq and the option 100rel out of a provisional reply.
    fileprivate mutating func takeReliability(of message: Message) {
        if let field = message.first(.rseq) { remove(field) }
        for field in message.all(.require) {
            let options = message.text(field.value).split(at: ASCII.comma).map { $0.trimmed() }
            let others = options.filter { !$0.equalsIgnoringCase("100rel") }
            guard others.count < options.count else { continue }
            guard let first = others.first else {
                remove(field)
                continue
            }
            replaceValue(of: field, with: others.dropFirst().reduce(first) { $0 + ", " + $1 })
        }
    }
}
