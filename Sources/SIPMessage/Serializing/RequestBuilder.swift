package import Bytes

/// Makes a request of our own (RFC 3261 §8.1.1). One allocation when `build` reserves right.
package struct RequestBuilder: Sendable {
    /// The method's name.
    package var method: ByteString
    /// The request URI.
    package var requestURI: ByteString
    /// The value of the topmost Via: `SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK…`; empty when the sender puts it in.
    package var via: ByteString = .empty
    /// The value of From, tag included.
    package var from: ByteString
    /// The value of To.
    package var to: ByteString
    /// The value of Call-ID.
    package var callID: ByteString
    /// The number in CSeq.
    package var cseq: UInt32
    /// The value of Max-Forwards.
    package var maxForwards: Int = 70
    /// Further header fields, each with its line end: Route, Contact, Content-Type, …
    package var extraLines: ByteString = .empty
    /// The body.
    package var body: ByteString = .empty

    package init(
        method: ByteString, requestURI: ByteString, from: ByteString, to: ByteString, callID: ByteString, cseq: UInt32
    ) {
        self.method = method
        self.requestURI = requestURI
        self.from = from
        self.to = to
        self.callID = callID
        self.cseq = cseq
    }

    /// The bytes to send.
    package func build() -> [UInt8] {
        let texts = method.count * 2 + requestURI.count + via.count + from.count + to.count + callID.count
        var writer = ByteWriter(reserving: texts + extraLines.count + body.count + 160)
        writer.append(method)
        writer.append(ASCII.space)
        writer.append(requestURI)
        writer.append(" SIP/2.0\r\n")
        if !via.isEmpty { writer.appendLine("Via: ", via) }
        writer.append("Max-Forwards: ")
        writer.append(decimal: maxForwards)
        writer.append("\r\n")
        writer.appendLine("From: ", from)
        writer.appendLine("To: ", to)
        writer.appendLine("Call-ID: ", callID)
        writer.append("CSeq: ")
        writer.append(decimal: UInt64(cseq))
        writer.append(ASCII.space)
        writer.append(method)
        writer.append("\r\n")
        writer.append(extraLines)
        writer.append("Content-Length: ")
        writer.append(decimal: body.count)
        writer.append("\r\n\r\n")
        writer.append(body)
        return writer.finish()
    }
}

extension ByteWriter {
    /// Appends `name`, `value` and a line end.
    mutating func appendLine(_ name: StaticString, _ value: ByteString) {
        append(name)
        append(value)
        append("\r\n")
    }
}

/// Makes the requests that belong to the client transaction of another request, from that request **as it was sent**.
package enum HopRequest {
    /// The ACK for a final response other than 2xx (RFC 3261 §17.1.1.3): request URI, topmost Via, From, Call-ID,
    /// CSeq number and Routes of the INVITE, To of the response.
    package static func ack(invite: Message, response: Message) -> [UInt8] {
        build("ACK", invite: invite, to: response.first(.to).map { response.text($0.line) })
    }

    /// The CANCEL for an INVITE (RFC 3261 §9.1): the same with the INVITE's own To. `extraLines` may hold a Reason
    /// field.
    package static func cancel(invite: Message, extraLines: ByteString = .empty) -> [UInt8] {
        build("CANCEL", invite: invite, to: invite.first(.to).map { invite.text($0.line) }, extraLines: extraLines)
    }

    private static func build(
        _ method: StaticString, invite: Message, to: ByteString?, extraLines: ByteString = .empty
    ) -> [UInt8] {
        var writer = ByteWriter(reserving: invite.headersEnd + (to?.count ?? 0) + extraLines.count + 64)
        writer.append(method)
        writer.append(ASCII.space)
        writer.append(invite.requestURI)
        writer.append(" SIP/2.0\r\n")
        if let via = invite.topVia { writer.appendLine("Via: ", via.text) }
        for field in invite.all(.route) { writer.append(invite.buffer, field.line) }
        writer.append("Max-Forwards: 70\r\n")
        if let field = invite.first(.from) { writer.append(invite.buffer, field.line) }
        if let to { writer.append(to) }
        if let field = invite.first(.callID) { writer.append(invite.buffer, field.line) }
        writer.append("CSeq: ")
        writer.append(decimal: UInt64(invite.cseq?.number ?? 0))
        writer.append(ASCII.space)
        writer.append(method)
        writer.append("\r\n")
        writer.append(extraLines)
        writer.append("Content-Length: 0\r\n\r\n")
        return writer.finish()
    }
}
