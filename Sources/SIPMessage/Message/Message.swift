package import Bytes

/// A SIP request or response as it was received: one buffer of bytes and ranges into it. Never changes.
///
/// One reference wide: copying retains, nothing else. Parsing costs one allocation (two beyond 24 header fields)
/// besides the buffer, which is taken over. Header values are decoded when they are asked for, each time anew; keep
/// what is needed often. To send it on with changes, put the changes in a `MessageEdits`.
package struct Message: Sendable {
    let storage: MessageStorage

    init(storage: MessageStorage) {
        self.storage = storage
    }

    /// Reads a message that fills `bytes`: a datagram, or one framed out of a stream.
    ///
    /// Reads structure only: first line, header lines, `Content-Length`. `check(_:)` looks at values.
    /// Bytes after the body that `Content-Length` states are left out; without it the body reaches the end (RFC 3261
    /// §18.3).
    /// - Throws: the first fault; a request that can still be answered is in it (`MessageError.reply`).
    package static func parse(
        _ bytes: [UInt8], limits: MessageLimits = .default
    ) throws(MessageError) -> Message {
        var parser = MessageParser(limits: limits)
        parser.parse(bytes.span)
        guard let fault = parser.fault else {
            return Message(storage: MessageStorage(buffer: bytes, head: parser.head))
        }
        var error = fault
        if parser.hasStartLine {
            error.partial = Message(storage: MessageStorage(buffer: bytes, head: parser.head))
        }
        throw error
    }

    /// The bytes as received, up to and beyond the body.
    package var buffer: [UInt8] { storage.buffer }
    /// The first line.
    package var startLine: StartLine { storage.head.startLine }
    /// Whether it is a request.
    package var isRequest: Bool { storage.head.startLine.isRequest }
    /// The method of a request; of a response the method that its `CSeq` names.
    package var method: Method {
        isRequest ? storage.head.startLine.method : (cseq?.method ?? .other)
    }
    /// The method's name of a request; of a response the one in `CSeq`, empty when there is none.
    package var methodText: ByteString {
        isRequest ? text(storage.head.startLine.methodText) : (cseq?.methodText ?? .empty)
    }
    /// The request URI as received; empty in a response.
    package var requestURI: ByteString { text(storage.head.startLine.requestURI) }
    /// `SIP/2.0`.
    package var version: ByteString { text(storage.head.startLine.version) }
    /// 100–699 of a response; 0 in a request.
    package var statusCode: Int { Int(storage.head.startLine.statusCode) }
    /// The reason phrase of a response, possibly empty.
    package var reasonPhrase: ByteString { text(storage.head.startLine.reasonPhrase) }
    /// Where the body lies, empty when there is none.
    package var bodyRange: ByteRange { storage.head.body }
    /// The body, empty when there is none.
    package var body: ByteString { text(storage.head.body) }
    /// The offset at which another header field would be added: that of the empty line.
    package var headersEnd: Int { Int(storage.head.headersEnd) }

    /// The bytes of `range` as text; shares the buffer.
    package func text(_ range: ByteRange) -> ByteString {
        ByteString(storage: storage.buffer, range: range)
    }

    /// The whole message as text, without bytes after the body; shares the buffer.
    package var wholeText: ByteString {
        text(ByteRange(lower: storage.head.startLine.line.lower, upper: storage.head.body.upper))
    }

    /// Whether an answer can find its way back: a request other than ACK that has a Via. Of what else a response copies
    /// (RFC 3261 §8.2.6.2) it holds what the request has, as RFC 4475 §3.3.1 asks.
    package var isAnswerable: Bool {
        isRequest && storage.head.startLine.method != .ack && contains(.via)
    }
}

extension Message: CustomStringConvertible {
    package var description: String { wholeText.string }
}
