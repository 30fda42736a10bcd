/// What the first bytes of a message say that it is: enough to know whether a peer waits for an answer.
enum MessageKind {
    /// A request that is answered: any but ACK.
    case request
    case ack
    case provisionalReply
    case finalReply

    init(_ bytes: [UInt8]) {
        if bytes.starts(with: [UInt8(ascii: "S"), UInt8(ascii: "I"), UInt8(ascii: "P"), UInt8(ascii: "/")]) {
            // SIP/2.0 200
            self = bytes.count > 8 && bytes[8] >= UInt8(ascii: "2") ? .finalReply : .provisionalReply
        } else {
            self = bytes.starts(with: [UInt8(ascii: "A"), UInt8(ascii: "C"), UInt8(ascii: "K")]) ? .ack : .request
        }
    }
}
