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

extension MessageEdits {
    /// Raises the CSeq that a PRACK acknowledges with that of its INVITE (RFC 3262 §7.2).
    mutating func raiseRAck(of message: Message, by step: UInt32) {
        guard message.method == .prack, let rack = message.rack, let field = message.first(.rack) else { return }
        var writer = ByteWriter(reserving: 32)
        writer.append(decimal: UInt64(rack.responseNumber))
        writer.append(ASCII.space)
        writer.append(decimal: UInt64(rack.cseq.number &+ step))
        writer.append(ASCII.space)
        writer.append(rack.cseq.methodText)
        replaceValue(of: field, with: writer.finishText())
    }

    /// Sets the number of CSeq. False when there is no CSeq that could be read.
    @discardableResult
    mutating func setSequenceNumber(_ number: UInt32, of message: Message) -> Bool {
        guard let field = message.first(.cseq), let present = message.cseq else { return false }
        if present.number == number, isEmpty { return true }
        let value = message.value(of: field)
        let digits = value.elements.prefix { ASCII.isDigit($0) }.count
        return replace(
            ByteRange(field.value.start, field.value.start + digits), with: ByteString(decimal: Int(number)))
    }
}
