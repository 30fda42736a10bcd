import Bytes
import Reactor
import SIPMessage
import SIPTransport

/// Puts messages together: one allocation for the bytes that go out, a few more where there are edits.
extension StackWorker {
    /// A request as it leaves: with the request URI of its branch, a Via of ours on top, and `received` and `rport` in the
    /// one below (RFC 3261 §16.6, RFC 3581 §4). The Via is the first header field.
    func makeRequest(
        _ request: Message, edits: consuming MessageEdits, requestURI: ByteString, source: SocketAddress?,
        forcesRport: Bool, onStream: Bool, via: (inout ByteWriter) -> Void, extraHeaders: ByteString = .empty
    ) -> [UInt8] {
        edits.admitServer()
        edits.reserve(count: 4, bytes: 192)
        if let source, let filled = viaSource(of: request, source: source, forcesRport: forcesRport) {
            edits.fillTopVia(of: request, from: filled)
        }
        if request.requestURI != requestURI { edits.replaceRequestURI(of: request, with: requestURI) }
        edits.insert(at: request.startLine.line.end, first: true, via)
        if !extraHeaders.isEmpty { edits.append(line: extraHeaders, to: request) }
        return edits.apply(to: request, onStream: onStream)
    }

    /// The Via header line of a request that leaves by a socket.
    static func writeVia(
        _ writer: inout ByteWriter, socket: ListenSocket, host: ByteString?, port: ByteString?, asksForRport: Bool,
        branch: (inout ByteWriter) -> Void
    ) {
        writer.append("Via: SIP/2.0/")
        writer.append(socket.transport.viaName)
        writer.append(ASCII.space)
        writer.append(host ?? socket.advertisedHost)
        writer.append(ASCII.colon)
        if let port { writer.append(port) } else { writer.append(decimal: UInt64(socket.advertisedPort)) }
        writer.append(";branch=")
        branch(&writer)
        if asksForRport { writer.append(";rport") }
        writer.append("\r\n")
    }

    /// A received reply on its way upstream: without the Via on top, which is ours (RFC 3261 §16.7 item 3).
    ///
    /// Without other changes: one allocation.
    func makeForwarded(
        _ reply: Message, edits: MessageEdits?, status: Int, challenges: [Message], onStream: Bool
    ) -> [UInt8] {
        guard let field = reply.first(.via), let via = reply.topVia else { return reply.buffer }
        if edits == nil, status == reply.statusCode, challenges.isEmpty, via.range == field.value,
            !onStream || reply.contains(.contentLength)
        {
            var writer = ByteWriter(reserving: reply.bodyRange.end)
            writer.append(reply.buffer, ByteRange(reply.startLine.line.start, field.line.start))
            writer.append(reply.buffer, ByteRange(field.line.end, reply.bodyRange.end))
            return writer.finish()
        }
        var edits = edits ?? MessageEdits()
        edits.admitServer()
        if let element = reply.elements(of: .via).first(where: { _ in true }) { edits.remove(element, from: reply) }
        if status != reply.statusCode {
            edits.replaceStatus(of: reply, code: status, reason: ByteString(Self.reason(status)))
        }
        for other in challenges {
            for id in [HeaderID.wwwAuthenticate, .proxyAuthenticate] {
                for challenge in other.all(id) { edits.append(line: other.text(challenge.line), to: reply) }
            }
        }
        return edits.apply(to: reply, onStream: onStream)
    }

    /// A reply that is made here.
    func makeReply(
        to request: Message, status: Int, reason: ByteString, toTag: ByteString, source: SocketAddress?,
        forcesRport: Bool, headers: ByteString, body: ByteString, contentType: ByteString = .empty
    ) -> [UInt8] {
        var builder = ReplyBuilder(to: request, status: status, reason: reason)
        builder.toTag = toTag
        builder.source = source.flatMap { viaSource(of: request, source: $0, forcesRport: forcesRport) }
        builder.body = body
        var lines = ByteWriter(reserving: headers.count + contentType.count + 64)
        lines.append(headers)
        if !contentType.isEmpty {
            lines.append("Content-Type: ")
            lines.append(contentType)
            lines.append("\r\n")
        }
        if let server = configuration.serverHeader, status != 100 || !headers.isEmpty {
            lines.append("Server: ")
            lines.append(server)
            lines.append("\r\n")
        }
        builder.extraLines = lines.finishText()
        return builder.build()
    }

    /// What the top Via of a request must be told of where it came from; nil when it says so itself.
    ///
    /// The usual request names its own address and does not ask for `rport`: seen without an allocation.
    func viaSource(of request: Message, source: SocketAddress, forcesRport: Bool) -> ViaSource? {
        guard let via = request.topVia else { return nil }
        if !via.hasRport, !forcesRport, via.receivedParameter == nil {
            let named = via.host.withoutBrackets.withBytes { bytes in
                SocketAddress(host: Span(_unsafeBytes: bytes), port: source.port)
            }
            if named == source { return nil }
        }
        return ViaSource(address: ByteString(source.host), port: source.port, forcesRport: forcesRport)
    }

    /// See `Transaction.viaLines`.
    func viaLines(of request: Message, source: SocketAddress, forcesRport: Bool) -> ByteString {
        var writer = ByteWriter(reserving: 256)
        var isTop = true
        for field in request.all(.via) {
            if isTop, let filled = viaSource(of: request, source: source, forcesRport: forcesRport) {
                var edits = MessageEdits()
                edits.fillTopVia(of: request, from: filled)
                let bytes = edits.apply(to: request)
                // What is sent starts at the first line: offsets move back by what stood before it.
                let start = request.startLine.line.start
                let grown = bytes.count - (request.bodyRange.end - start)
                writer.append(bytes, ByteRange(field.line.start - start, field.line.end - start + grown))
            } else {
                writer.append(request.text(field.line))
            }
            isTop = false
        }
        return writer.finishText()
    }

    /// Where the replies to a request go (RFC 3261 §18.2.2, RFC 3581 §4): over the connection that it came by; when that is
    /// gone, to the port that its Via names.
    func replyDestination(of request: InboundRequest, via: Via, forcesRport: Bool) -> Destination {
        var address = request.source
        if !request.connection.isNone {
            let port = via.port ?? request.socket.transport.defaultPort
            var destination = Destination(
                transport: request.socket.transport, address: address.with(port: port), socket: request.socket,
                connection: request.connection)
            destination.reusesOnly = request.repliesReuseOnly
            return destination
        }
        if !request.socket.transport.isReliable, !via.hasRport, !forcesRport {
            let port = via.port ?? request.socket.transport.defaultPort
            address = address.with(port: port)
            if let maddr = via.maddr {
                let literal = maddr.withoutBrackets.withBytes { bytes in
                    SocketAddress(host: Span(_unsafeBytes: bytes), port: port)
                }
                if let literal { address = literal }
            }
        }
        return Destination(transport: request.socket.transport, address: address, socket: request.socket)
    }

    /// ACK for a non-2xx reply, from the INVITE as it was sent. Rare enough to read the INVITE again.
    func makeAck(of invite: [UInt8], for reply: Message, headers: ByteString) -> [UInt8]? {
        guard let sent = try? Message.parse(invite, limits: StackConfiguration.limits) else { return nil }
        let bytes = HopRequest.ack(invite: sent, response: reply)
        guard !headers.isEmpty, let ack = try? Message.parse(bytes, limits: StackConfiguration.limits) else {
            return bytes
        }
        var edits = MessageEdits()
        edits.append(line: headers, to: ack)
        return edits.apply(to: ack)
    }

    /// CANCEL of a branch, from the INVITE as it was sent.
    func makeCancel(of invite: [UInt8], headers: ByteString) -> [UInt8]? {
        guard let sent = try? Message.parse(invite, limits: StackConfiguration.limits) else { return nil }
        return HopRequest.cancel(invite: sent, extraLines: headers)
    }
}
