/// How much a stream may hold before it is a message. Whatever passes a limit ends the stream (`FramingFault`).
package struct FramingLimits: Hashable, Sendable {
    /// Bytes of a whole message, body included.
    package var messageBytesMax = 262_144
    /// Bytes of the first line.
    package var startLineBytesMax = 8_192
    /// Bytes of first line and header fields together.
    package var headBytesMax = 65_536

    package static let `default` = FramingLimits()

    package init() {}
}

/// Why a stream can't be read any further: where the next message starts is not known.
package enum FramingFault: UInt8, BitwiseCopyable, Hashable, Sendable, CaseIterable, CustomStringConvertible {
    /// The first line is neither a request line nor a status line.
    case notSIP
    case startLineTooLong
    case headTooLong
    /// No Content-Length: the end of the message is unknown (RFC 3261 §18.3).
    case lengthMissing
    /// A Content-Length that is no number, or two that differ.
    case lengthInvalid
    case messageTooLong

    /// What the sender of a request is told before the stream is closed; nil when there is nothing to answer to.
    package var reply: (status: Int, reason: StaticString)? {
        switch self {
        case .notSIP, .startLineTooLong, .headTooLong: nil
        case .lengthMissing: (400, "Missing Content-Length")
        case .lengthInvalid: (400, "Bad Content-Length")
        case .messageTooLong: (513, "Message Too Large")
        }
    }

    package var description: String {
        switch self {
        case .notSIP: "what came is not SIP"
        case .startLineTooLong: "the first line passes startLineBytesMax"
        case .headTooLong: "the header fields pass headBytesMax"
        case .lengthMissing: "a message without Content-Length"
        case .lengthInvalid: "a Content-Length that is no number, or two that differ"
        case .messageTooLong: "a message that passes messageBytesMax"
        }
    }
}
