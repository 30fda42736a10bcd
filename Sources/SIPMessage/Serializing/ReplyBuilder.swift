package import Bytes

/// Makes a response to a request (RFC 3261 §8.2.6): copies Via, From, To, Call-ID, CSeq; of a 100 also Timestamp; of
/// other 1xx and 2xx that may make a dialog also Record-Route (§12.1.1). One allocation for the bytes, one more when
/// extra fields are put together.
package struct ReplyBuilder: Sendable {
    /// The request.
    package let request: Message
    /// 100–699.
    package var status: Int
    /// The reason phrase; empty takes the standard one.
    package var reason: ByteString = .empty
    /// The tag that is added to To when the request has none there; empty adds none (a 100).
    package var toTag: ByteString = .empty
    /// Where the request came from, to fill `received` and `rport`; nil leaves the topmost Via as it is.
    package var source: ViaSource?
    /// Further header fields, each with its line end.
    package var extraLines: ByteString = .empty
    /// The body; `Content-Type` for it belongs to `extraLines`.
    package var body: ByteString = .empty

    package init(to request: Message, status: Int, reason: ByteString = .empty) {
        self.request = request
        self.status = status
        self.reason = reason
    }

    /// The bytes to send. What the request lacks is left out: ask `request.isAnswerable` first.
    package func build() -> [UInt8] {
        let dialog = status > 100 && status < 300
        var writer = ByteWriter(
            reserving: request.headersEnd + extraLines.count + body.count + toTag.count + reason.count + 128)
        writer.append("SIP/2.0 ")
        writer.append(decimal: status)
        writer.append(ASCII.space)
        if reason.isEmpty { writer.append(StatusCode.reason(status)) } else { writer.append(reason) }
        writer.append("\r\n")
        var isTopVia = true
        for field in request.headers {
            switch field.id {
            case .via:
                appendVia(field, isTop: isTopVia, to: &writer)
                isTopVia = false
            case .to: appendTo(field, to: &writer)
            case .from, .callID, .cseq: appendLine(field, to: &writer)
            case .recordRoute where dialog: appendLine(field, to: &writer)
            case .timestamp where status == 100: appendLine(field, to: &writer)
            default: break
            }
        }
        writer.append(extraLines)
        writer.append("Content-Length: ")
        writer.append(decimal: body.count)
        writer.append("\r\n\r\n")
        writer.append(body)
        return writer.finish()
    }

    private func appendLine(_ field: HeaderField, to writer: inout ByteWriter) {
        writer.append(request.buffer, field.line)
    }

    private func appendVia(_ field: HeaderField, isTop: Bool, to writer: inout ByteWriter) {
        guard isTop, let source, let via = request.topVia, field.value.contains(via.range) else {
            return appendLine(field, to: &writer)
        }
        writer.append(request.buffer, ByteRange(lower: field.line.lower, upper: via.range.lower))
        source.append(via, to: &writer)
        writer.append(request.buffer, ByteRange(lower: via.range.upper, upper: field.line.upper))
    }

    private func appendTo(_ field: HeaderField, to writer: inout ByteWriter) {
        guard !toTag.isEmpty, let to = request.to, to.tag == nil, field.value.contains(to.range) else {
            return appendLine(field, to: &writer)
        }
        writer.append(request.buffer, ByteRange(lower: field.line.lower, upper: to.range.upper))
        writer.append(";tag=")
        writer.append(toTag)
        writer.append(request.buffer, ByteRange(lower: to.range.upper, upper: field.line.upper))
    }
}
