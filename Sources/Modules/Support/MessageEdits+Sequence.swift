import Bytes
import SIPMessage

/// The numbers of requests, where modules change them.
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
