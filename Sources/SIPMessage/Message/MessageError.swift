/// Why bytes are not a message, or a message is not to be routed: what was expected, and where.
///
/// `reply` says what to do with it: a fault of a request that can still be answered carries the status and the
/// message as far as it was read (`partial`), from which `ReplyBuilder` makes the answer; anything else is dropped.
package struct MessageError: Error, Sendable {
    /// What is wrong.
    package enum Kind: Hashable, Sendable {
        /// Nothing but line ends: a keep-alive (RFC 5626 §3.5.1), or an empty datagram.
        case keepAlive
        /// The first line is neither a request line nor a status line of SIP.
        case notSIP
        /// A version other than 2.0 (RFC 3261 §21.5.6).
        case version
        /// White space or missing parts in a request line.
        case requestLine
        /// A request URI that is no URI.
        case requestURI
        /// A status line without a status code of 100–699.
        case statusLine
        /// A line that is no header field.
        case headerLine
        /// No empty line after the header fields.
        case headersUnterminated
        /// A `Content-Length` that is no number, or two that differ.
        case contentLength
        /// Fewer bytes of body than `Content-Length` says.
        case bodyTruncated
        /// A header field that must be there is not.
        case missing(HeaderID)
        /// A header field that may be there once is there twice.
        case repeated(HeaderID)
        /// A header value that breaks its grammar or its range.
        case value(HeaderID)
        /// `CSeq` names another method than the request line.
        case methodMismatch
        /// `messageBytesMax`, `startLineBytesMax`, `headerCountMax` or `headerBytesMax` was passed.
        case messageTooLong, startLineTooLong, headersTooMany, headerTooLong
    }

    /// What is wrong.
    package let kind: Kind
    /// Where, in bytes from the start of the buffer.
    package let offset: Int
    /// What should have been there.
    package let expected: StaticString
    /// The message as far as it was read; nil when not even its first line was.
    package internal(set) var partial: Message?

    init(_ kind: Kind, at offset: Int, expected: StaticString, partial: Message? = nil) {
        self.kind = kind
        self.offset = offset
        self.expected = expected
        self.partial = partial
    }

    /// Status and reason phrase to answer with; nil when the bytes must be dropped: they are no request, or an ACK,
    /// or hold too little to build an answer from (RFC 3261 §8.2, §18.3, §21.4.1).
    package var reply: (status: Int, reason: StaticString)? {
        guard let partial, partial.isAnswerable else { return nil }
        switch kind {
        case .keepAlive, .notSIP, .statusLine: return nil
        case .version: return (505, "Version Not Supported")
        case .startLineTooLong: return (414, "Request-URI Too Long")
        case .messageTooLong, .headersTooMany, .headerTooLong: return (513, "Message Too Large")
        case .requestLine: return (400, "Bad Request Line")
        case .requestURI: return (400, "Bad Request-URI")
        case .headerLine, .headersUnterminated: return (400, "Bad Header Line")
        case .contentLength: return (400, "Bad Content-Length")
        case .bodyTruncated: return (400, "Body Shorter Than Content-Length")
        case .missing(let id): return (400, missingReason(id))
        case .repeated: return (400, "Repeated Header Field")
        case .value: return (400, "Bad Header Field")
        case .methodMismatch: return (400, "CSeq Method Mismatch")
        }
    }

    private func missingReason(_ id: HeaderID) -> StaticString {
        switch id {
        case .via: "Missing Via Header Field"
        case .from: "Missing From Header Field"
        case .to: "Missing To Header Field"
        case .callID: "Missing Call-ID Header Field"
        case .cseq: "Missing CSeq Header Field"
        default: "Missing Header Field"
        }
    }
}

extension MessageError: CustomStringConvertible {
    package var description: String {
        "\(subject) at byte \(offset): expected \(expected)"
    }

    /// The kind without names of our types: `value of cseq`.
    private var subject: String {
        switch kind {
        case .missing(let id): "missing \(id)"
        case .repeated(let id): "repeated \(id)"
        case .value(let id): "value of \(id)"
        default: "\(kind)"
        }
    }
}
