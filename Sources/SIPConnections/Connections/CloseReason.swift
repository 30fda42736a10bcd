import Glibc
package import SIPMessage

/// Why a connection ended, in words for the log.
package enum CloseReason: Hashable, Sendable, CustomStringConvertible {
    /// The other end closed it.
    case peer
    /// It was idle for longer than `lifetimeMilliseconds`.
    case idle
    /// It could not be made.
    case connectFailed(String)
    case connectTimeout
    /// A message was not whole in time, or came in too many pieces.
    case messageTime
    case messageChunks
    /// The other end takes too little of what is sent to it.
    case slowReader
    case framing(FramingFault)
    case error(String)
    /// By management or by the script.
    case asked
    case shutdown

    package var description: String {
        switch self {
        case .peer: "closed by the peer"
        case .idle: "idle for too long"
        case .connectFailed(let text): "could not be made: \(text)"
        case .connectTimeout: "could not be made in time"
        case .messageTime: "a message did not come in whole in time"
        case .messageChunks: "a message came in too many pieces"
        case .slowReader: "the peer takes too little of what is sent to it"
        case .framing(let fault): "\(fault)"
        case .error(let text): text
        case .asked: "closed on demand"
        case .shutdown: "the server stops"
        }
    }

    /// The errno that stands for it where the stack is told that a message did not leave.
    var code: Int32 {
        switch self {
        case .connectFailed: ECONNREFUSED
        case .connectTimeout: ETIMEDOUT
        case .slowReader: ENOBUFS
        default: ECONNRESET
        }
    }
}
