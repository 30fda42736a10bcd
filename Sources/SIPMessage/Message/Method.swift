package import Bytes

/// A request method. Names are case-sensitive (RFC 3261 §7.1); one that is not listed is `other`, its text is in the
/// message.
package enum Method: UInt8, BitwiseCopyable, Hashable, Sendable, CaseIterable {
    case invite, ack, bye, cancel, options, register
    case prack, subscribe, notify, publish, info, refer, message, update
    case other

    /// The name as it is written in a message; empty for `other`.
    package var name: StaticString {
        switch self {
        case .invite: "INVITE"
        case .ack: "ACK"
        case .bye: "BYE"
        case .cancel: "CANCEL"
        case .options: "OPTIONS"
        case .register: "REGISTER"
        case .prack: "PRACK"
        case .subscribe: "SUBSCRIBE"
        case .notify: "NOTIFY"
        case .publish: "PUBLISH"
        case .info: "INFO"
        case .refer: "REFER"
        case .message: "MESSAGE"
        case .update: "UPDATE"
        case .other: ""
        }
    }

    /// The method with exactly this name, `other` for any name that is not listed. No allocation.
    package init(_ text: ByteString) {
        self = Method(bytes: text.storage.span, text.range.start, text.range.end)
    }

    /// The method whose name lies at `lower..<upper`.
    init(bytes: Span<UInt8>, _ lower: Int, _ upper: Int) {
        guard lower < upper else {
            self = .other
            return
        }
        let candidate: Method
        switch (bytes[lower], upper - lower) {
        case (UInt8(ascii: "I"), 6): candidate = .invite
        case (UInt8(ascii: "I"), 4): candidate = .info
        case (UInt8(ascii: "A"), 3): candidate = .ack
        case (UInt8(ascii: "B"), 3): candidate = .bye
        case (UInt8(ascii: "C"), 6): candidate = .cancel
        case (UInt8(ascii: "O"), 7): candidate = .options
        case (UInt8(ascii: "R"), 8): candidate = .register
        case (UInt8(ascii: "R"), 5): candidate = .refer
        case (UInt8(ascii: "P"), 5): candidate = .prack
        case (UInt8(ascii: "P"), 7): candidate = .publish
        case (UInt8(ascii: "S"), 9): candidate = .subscribe
        case (UInt8(ascii: "N"), 6): candidate = .notify
        case (UInt8(ascii: "M"), 7): candidate = .message
        case (UInt8(ascii: "U"), 6): candidate = .update
        default: candidate = .other
        }
        self = bytes.equals(candidate.name, at: lower, upper) ? candidate : .other
    }

    /// The bit of this method in a set of methods.
    package var bit: UInt32 { 1 << UInt32(rawValue) }
}
