import Bytes
import RouteRuntime
import SIPMessage
import SIPStack

/// Gives replies the From, To and CSeq that the client sent: it knows its transaction by them (RFC 3261 §8.2.6.2).
final class UACRestorer: TransactionObserver {
    private let from: ByteString?
    private let to: NameAddress?
    private let cseq: UInt32?

    /// - Parameter request: as received.
    init(_ request: Message) {
        from = request.value(.from)
        to = request.to
        cseq = request.cseq?.number
    }

    func relaying(_ branch: RelayedBranch, _ edits: inout MessageEdits, _ worker: StackWorker) {
        branch.transaction.awaitLateAnswers()
    }

    func received(_ reply: InboundReply, _ edits: inout MessageEdits, _ worker: StackWorker) {
        let message = reply.message
        if let from, let field = message.first(.from), message.value(of: field) != from {
            edits.replaceValue(of: field, with: from)
        }
        if let to, let field = message.first(.to), let present = message.to {
            var writer = ByteWriter(reserving: to.text.count + 32)
            writer.append(to.addressText)
            writer.append(present.parameters.text)
            let value = writer.finishText()
            if value != message.value(of: field) { edits.replaceValue(of: field, with: value) }
        }
        if let cseq { edits.setSequenceNumber(cseq, of: message) }
    }
}

extension NameAddress {
    /// Display name and URI as written, without the parameters.
    var addressText: ByteString { text.prefix(text.count - parameters.text.count).trimmed() }
}
