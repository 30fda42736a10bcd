import Bytes
import SIPMessage

/// Does to any bytes everything that the server does to a message, and tests the laws that hold whatever they are.
///
/// Shared by the tests and by the libFuzzer target (`Fuzz/`, `scripts/fuzz`), so it knows no test library.
enum MessageExerciser {
    /// The law that `bytes` break; nil when none. A trap is found by whoever runs this.
    static func violation(_ bytes: [UInt8]) -> String? {
        do {
            let message = try Message.parse(bytes)
            return structure(message) ?? values(message) ?? edits(message) ?? builders(message)
        } catch {
            guard error.offset >= 0, error.offset <= bytes.count else { return "error outside the bytes" }
            guard let partial = error.partial else { return error.reply == nil ? nil : "a reply to nothing" }
            if let broken = structure(partial) ?? values(partial) { return broken }
            if let reply = error.reply {
                _ = ReplyBuilder(to: partial, status: reply.status, reason: ByteString(reply.reason)).build()
            }
            return nil
        }
    }

    /// Limits that what is made from a message at its own limits stays within.
    private static let wide: MessageLimits = {
        var limits = MessageLimits()
        limits.messageBytesMax *= 4
        limits.startLineBytesMax *= 4
        limits.headerCountMax *= 4
        limits.headerBytesMax = Int(UInt16.max)
        return limits
    }()

    private static func structure(_ message: Message) -> String? {
        let whole = ByteRange(0, message.buffer.count)
        var end = message.startLine.line.end
        for field in message.headers {
            guard whole.contains(field.line), field.line.contains(field.name), field.line.contains(field.value) else {
                return "a field outside its line"
            }
            guard field.line.start >= end else { return "fields overlap" }
            end = field.line.end
            guard message.first(field.id) != nil, message.first(named: message.text(field.name)) != nil else {
                return "a field that is not found"
            }
        }
        guard whole.contains(message.bodyRange), message.headersEnd >= end else { return "a body inside the fields" }
        guard message.headers.count == HeaderID.allCases.reduce(0, { $0 + message.count(of: $1) }) else {
            return "fields by id are not all fields"
        }
        return nil
    }

    private static func values(_ message: Message) -> String? {
        for field in message.headers {
            let value = message.value(of: field)
            _ = message.unfoldedValue(of: field)
            _ = message.number(field.id)
            _ = MediaType(value)
            _ = RAck(value)
            _ = Credentials(value)?.value("realm")
            for parameter in ParameterizedValue(value).parameters where parameter.whole.isEmpty {
                return "no parameter"
            }
            for element in message.elements(of: field.id) {
                guard element.field.value.contains(element.range) else { return "a value outside its field" }
            }
            for address in message.addresses(of: field.id) {
                _ = (address.tag, address.expires, address.qThousandths, address.displayName.unquoted())
                if let broken = uri(address.uriText) { return broken }
            }
        }
        for position in 0..<4 {
            guard let via = message.via(position) else { continue }
            _ = (via.branch, via.received, via.rport, via.maddr, via.transport, via.host.withoutBrackets)
            guard Via(via.text) != nil else { return "a Via that is none by itself" }
        }
        _ = (message.method, message.fromTag, message.toTag, message.cseq, message.callID, message.description)
        for part in message.bodyParts.parts { _ = part.isOf("application/sdp") }
        for depth in [CheckDepth.transaction, .strict] {
            do { try message.check(depth) } catch {
                guard error.offset <= message.buffer.count else { return "a fault outside the bytes" }
            }
        }
        return uri(message.requestURI)
    }

    private static func uri(_ text: ByteString) -> String? {
        guard let uri = SIPURI(text) else { return nil }
        _ = (uri.user.percentDecoded(), uri.password, uri.host, uri.effectivePort, uri.isLooseRouter)
        guard uri.isEquivalent(to: uri) else { return "a URI that is not itself" }
        return SIPURI(uri.text) == nil ? "a URI that is none by itself" : nil
    }

    private static func edits(_ message: Message) -> String? {
        guard MessageEdits().apply(to: message) == message.wholeText.bytes else { return "no edits, other bytes" }
        var edits = MessageEdits()
        edits.append(line: "X-Fuzz-Last: 1\r\n", to: message)
        edits.prepend(line: "X-Fuzz-First: 1\r\n", to: message)
        edits.setBody("fuzz")
        edits.replaceRequestURI(of: message, with: "sip:fuzz")
        edits.fillTopVia(of: message, from: ViaSource(address: "192.0.2.1", port: 9, forcesRport: true))
        guard let out = try? Message.parse(edits.apply(to: message), limits: wide) else { return "edits break it" }
        guard out.body == "fuzz", out.contentLength == 4, out.first(named: "X-Fuzz-Last") != nil,
            out.headers.first.map({ out.text($0.name) == "X-Fuzz-First" }) == true
        else { return "edits are lost" }
        guard !message.isRequest || out.requestURI == "sip:fuzz" else { return "the URI stayed" }
        let added = message.contains(.contentLength) ? 2 : 3
        guard out.headers.count == message.headers.count + added else { return "fields come or go" }
        for field in message.headers {
            var removal = MessageEdits()
            removal.remove(field)
            guard let rest = try? Message.parse(removal.apply(to: message), limits: wide),
                rest.headers.count == message.headers.count - 1
            else { return "removing a field breaks it" }
            guard field.id.isList, let element = message.elements(of: field.id).first else { continue }
            var shortening = MessageEdits()
            shortening.remove(element, from: message)
            guard (try? Message.parse(shortening.apply(to: message), limits: wide)) != nil else {
                return "removing a value breaks it"
            }
        }
        return nil
    }

    private static func builders(_ message: Message) -> String? {
        guard message.isRequest, (try? message.check(.transaction)) != nil else { return nil }
        var builder = ReplyBuilder(to: message, status: 200)
        builder.toTag = "fuzz"
        builder.source = ViaSource(address: "192.0.2.1", port: 9)
        guard let reply = try? Message.parse(builder.build(), limits: wide), (try? reply.check(.transaction)) != nil
        else { return "the reply is none" }
        guard reply.toTag != nil, reply.callID == message.callID, reply.topVia?.branch == message.topVia?.branch,
            reply.count(of: .via) == message.count(of: .via)
        else { return "the reply is to something else" }
        guard let ack = try? Message.parse(HopRequest.ack(invite: message, response: reply), limits: wide),
            (try? ack.check(.transaction)) != nil, ack.method == .ack, ack.topVia?.branch == message.topVia?.branch
        else { return "the ACK is none" }
        guard let cancel = try? Message.parse(HopRequest.cancel(invite: message), limits: wide),
            (try? cancel.check(.transaction)) != nil, cancel.cseq?.number == message.cseq?.number
        else { return "the CANCEL is none" }
        return nil
    }
}
