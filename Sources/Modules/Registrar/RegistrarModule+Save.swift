import Bytes
import Location
import Reactor
import RouteLanguage
import RouteRuntime
import SIPMessage

/// `save()`. Budget of a refresh: the list of contacts, the list of bindings answered, the lines of the reply and its
/// bytes are allocated; one lock is taken.
extension RegistrarModule {
    /// A refusal: what the client is told.
    private struct Refusal: Error {
        let status: Int
        let reason: ByteString
        var lines = ByteString.empty
    }

    /// 1: done. -1: refused; the client was told why, unless the flags forbid a reply.
    func save(_ call: borrowing Call) -> Outcome {
        let text = call.string(1) ?? .empty
        guard let flags = SaveFlags(text) else {
            call.log(.error, "save: \"\(text)\" has a flag that there is not")
            return .no
        }
        guard let source = source(call), let domain = domain(call, 0) else { return .no }
        var reply: ScriptReply
        let isAccepted: Bool
        do throws(Refusal) {
            let request = try registrationRequest(call, source, flags)
            let result = domain.register(request, now: now())
            if case .rejected(let reason) = result { throw refusal(for: reason) }
            reply = ScriptReply(200, "OK", lines: lines(result.bindings, request, source.request, flags))
            isAccepted = true
            if source.context.messageFlags & settings.persistentMask != 0 {
                keepConnection(call, source.context, until: result.bindings.map(\.expires))
            }
        } catch {
            reply = ScriptReply(error.status, error.reason, lines: error.lines)
            isAccepted = false
            call.log(.info, "save: \(error.status) \(error.reason) for \(source.request.to?.uriText ?? .empty)")
        }
        call.process.process.statistics.add(isAccepted ? acceptedCounter : rejectedCounter)
        if flags.sendsReply, source.reply == nil, !replies.send(reply, call.context, call.process) { return .no }
        return Outcome(isAccepted)
    }

    /// The connection of the REGISTER stays open as long as its contacts, even if nothing goes over it.
    private func keepConnection(_ call: borrowing Call, _ context: MessageContext, until expires: [Int]) {
        guard context.connection != 0, let last = expires.contains(0) ? Int.max : expires.max() else { return }
        replies.keepConnection(context, call.process, last == .max ? last : last - now())
    }

    /// The REGISTER, and in an onreply route the answer of the registrar behind us.
    private struct Source {
        let request: Message
        let reply: Message?
        let context: MessageContext
    }

    private func source(_ call: borrowing Call) -> Source? {
        let context = call.context
        if context.message.isRequest {
            guard context.message.method == .register else {
                call.log(.error, "save: \(context.message.methodText) is not REGISTER")
                return nil
            }
            return Source(request: context.message, reply: nil, context: context)
        }
        guard let request = context.request, request.message.method == .register else {
            call.log(.error, "save: the reply is not to a REGISTER of a transaction")
            return nil
        }
        return Source(request: request.message, reply: context.message, context: request)
    }

    // MARK: Reading the request

    private func registrationRequest(
        _ call: borrowing Call, _ source: Source, _ flags: SaveFlags
    ) throws(Refusal) -> RegistrationRequest {
        let message = source.request
        let addressText: ByteString?
        if call.isPresent(2) { addressText = call.string(2) } else { addressText = message.to?.uriText }
        guard let address = addressText.flatMap({ settings.addresses.address(of: $0) }) else {
            throw Refusal(status: 400, reason: "Bad Address of Record")
        }
        guard let cseq = message.cseq, message.contains(.callID) else {
            throw Refusal(status: 400, reason: "Bad Call-ID or CSeq")
        }
        var request = RegistrationRequest(aor: address, callID: message.callID, cseq: Int(cseq.number))
        request.rules.matching = flags.matching ?? settings.addresses.matching
        request.rules.contactsMax = flags.contactsMax ?? settings.contactsMax
        request.rules.replacesOldest = flags.replacesOldest
        request.rules.retransmissionSeconds = settings.addresses.retransmissionSeconds
        request.rules.acceptsDuplicateCSeq = settings.acceptsDuplicateCSeq
        try readContacts(source, flags, into: &request)
        guard !request.contacts.isEmpty else { return request }
        request.userAgent = message.value(.userAgent) ?? .empty
        request.branchFlags = source.context.branchFlags
        request.methods = methods(message)
        readSocket(source, flags, into: &request)
        if let name = settings.receivedAVP, let value = source.context.avps.value(name)?.text, !value.isEmpty {
            if Self.isPlainURI(value) {
                request.received = value
            } else {
                call.log(.error, "save: received_avp holds \"\(value)\", which is no SIP URI: it is not kept")
            }
        }
        if let name = settings.attributesAVP, let value = source.context.avps.value(name)?.text {
            request.attributes = value
        }
        try readPath(message, flags, into: &request)
        return request
    }

    private func readContacts(
        _ source: Source, _ flags: SaveFlags, into request: inout RegistrationRequest
    ) throws(Refusal) {
        let message = source.request
        for element in message.elements(of: .contact) {
            guard let contact = NameAddress(message.text(element.range)) else {
                throw Refusal(status: 400, reason: "Bad Contact")
            }
            if contact.isAsterisk {
                request.isWildcard = true
                continue
            }
            guard contact.uriText.count <= settings.contactLengthMax, let uri = contact.uri, uri.scheme != .other else {
                throw Refusal(status: 400, reason: "Bad Contact URI")
            }
            request.contacts.append(
                ContactUpdate(
                    uri: contact.uriText, expiresSeconds: expires(contact, source, flags),
                    q: contact.qThousandths ?? settings.qDefault ?? Binding.qUnspecified,
                    instance: contact.parameters.value("+sip.instance")?.unquoted() ?? .empty,
                    methods: contact.parameters.value("methods").map { methods(listed: $0.unquoted()) }))
        }
        // RFC 3261 §10.3 step 6.
        if request.isWildcard, !request.contacts.isEmpty || message.expires != 0 {
            throw Refusal(status: 400, reason: "Contact * Needs Expires 0 And No Other Contact")
        }
    }

    /// Seconds that a contact asks for, within the bounds. Zero stays zero: it is a removal.
    private func expires(_ contact: NameAddress, _ source: Source, _ flags: SaveFlags) -> Int {
        var seconds = contact.expires ?? source.request.expires
        if let reply = source.reply { seconds = granted(contact, reply, source) ?? seconds }
        guard seconds != 0 else { return 0 }
        var wanted = seconds.map { Int($0) } ?? settings.expiresDefault
        wanted = max(wanted, flags.expiresMin ?? settings.expiresMin)
        let most = flags.expiresMax ?? settings.expiresMax
        if most > 0 { wanted = min(wanted, most) }
        if settings.expiresDeviationMax > 0 {
            wanted += Int.random(in: -settings.expiresDeviationMax...settings.expiresDeviationMax)
        }
        return max(1, wanted)
    }

    /// Seconds that the registrar behind us granted to a contact: what counts in an onreply route.
    private func granted(_ contact: NameAddress, _ reply: Message, _ source: Source) -> UInt32? {
        var sent = contact.uriText
        if let name = settings.contactAVP, let changed = source.context.avps.value(name)?.text { sent = changed }
        for answered in reply.contacts where ContactIdentity.isSame(answered.uriText, sent) {
            return answered.expires ?? reply.expires
        }
        return reply.contains(.contact) ? nil : reply.expires
    }

    /// The `methods` parameter of a contact (RFC 3840 §9): what it accepts, whatever the Allow header says.
    private func methods(listed text: ByteString) -> UInt32 {
        text.split(at: UInt8(ascii: ",")).reduce(0) { $0 | MethodSet.bit(of: $1.trimmed()) }
    }

    private func methods(_ message: Message) -> UInt32 {
        guard message.contains(.allow) else { return MethodSet.all }
        return message.elements(of: .allow).reduce(0) { $0 | MethodSet.bit(of: message.text($1.range)) }
    }

    private func readSocket(_ source: Source, _ flags: SaveFlags, into request: inout RegistrationRequest) {
        if flags.usesSocketHeader, let name = settings.socketHeader,
            let field = source.request.first(named: name)
        {
            let text = source.request.value(of: field)
            request.socket = text
            request.socketID = addresses.socket(described: text)?.id
        } else if let socket = source.context.socketIn {
            request.socket = socket.description
            request.socketID = socket.id
        }
    }

    private func readPath(
        _ message: Message, _ flags: SaveFlags, into request: inout RegistrationRequest
    ) throws(Refusal) {
        guard flags.pathMode != .ignored, message.contains(.path) else { return }
        if flags.pathMode == .strict, !message.lists("path", in: .supported) {
            var writer = ByteWriter(reserving: 128)
            writer.append("Unsupported: path\r\n")
            for field in message.all(.path) { writer.append(message.text(field.line)) }
            throw Refusal(status: 420, reason: "Bad Extension", lines: writer.finishText())
        }
        request.path = joined(.path, of: message)
        if flags.usesPathReceived, let first = request.path.firstListElement.flatMap({ NameAddress($0) }),
            let received = first.uri?.parameters.value("received")?.unquoted().percentDecoded(),
            Self.isPlainURI(received)
        {
            request.received = received
            request.branchFlags |= settings.addresses.natFlag
        }
    }

    /// Whether a text, which may be the client's, is a SIP URI that may stand between quotes in a header, and be routed to.
    private static func isPlainURI(_ text: ByteString) -> Bool {
        guard let uri = SIPURI(text), uri.scheme == .sip || uri.scheme == .sips else { return false }
        return text.elements.allSatisfy {
            $0 > ASCII.space && $0 < 0x7F && $0 != ASCII.quote && $0 != ASCII.less && $0 != ASCII.greater
                && $0 != UInt8(ascii: "\\")
        }
    }

    private func joined(_ id: HeaderID, of message: Message) -> ByteString {
        if message.count(of: id) == 1 { return message.value(id) ?? .empty }
        var writer = ByteWriter(reserving: 256)
        for element in message.elements(of: id) {
            if writer.count > 0 { writer.append(",") }
            writer.append(message.text(element.range))
        }
        return writer.finishText()
    }

    // MARK: Answering

    private func refusal(for reason: RegistrationRejection) -> Refusal {
        var lines = ByteString.empty
        if settings.retryAfter > 0 {
            lines = "Retry-After: " + ByteString(decimal: settings.retryAfter) + "\r\n"
        }
        switch reason {
        // RFC 3261 §10.3 step 8.
        case .outOfOrder: return Refusal(status: 500, reason: "CSeq Out Of Order", lines: lines)
        case .tooManyContacts: return Refusal(status: 503, reason: "Too Many Registered Contacts", lines: lines)
        case .storeFull: return Refusal(status: 503, reason: "Registrar Full", lines: lines)
        }
    }

    /// The Contacts of the 200, and the Path when the client is to see it.
    private func lines(
        _ bindings: [Binding], _ request: RegistrationRequest, _ message: Message, _ flags: SaveFlags
    ) -> ByteString {
        let now = now()
        let asked = flags.listsOnlyRequestContacts ? request.contacts.map { ContactIdentity($0.uri) } : []
        var writer = ByteWriter(reserving: 16 + bindings.reduce(0) { $0 + $1.contact.count + 64 })
        var isFirst = true
        for binding in bindings {
            if flags.listsOnlyRequestContacts {
                let own = ContactIdentity(binding.contact)
                guard asked.contains(where: { $0.isSame(as: own) }) else { continue }
            }
            if isFirst { writer.append("Contact: <") } else { writer.append(", <") }
            isFirst = false
            writer.append(binding.contact)
            writer.append(">;expires=")
            writer.append(decimal: binding.remainingSeconds(at: now) ?? Int(Int32.max))
            if binding.q >= 0 {
                writer.append(";q=")
                appendQ(binding.q, to: &writer)
            }
            if !binding.received.isEmpty {
                writer.append(ASCII.semicolon)
                writer.append(settings.receivedParameter)
                writer.append("=\"")
                writer.append(binding.received)
                writer.append(ASCII.quote)
            }
        }
        if !isFirst { writer.append("\r\n") }
        let sendsPath = flags.pathMode == .lazy || flags.pathMode == .strict
        if sendsPath, !request.path.isEmpty, message.lists("path", in: .supported) {
            writer.append("Path: ")
            writer.append(request.path)
            writer.append("\r\n")
        }
        return writer.finishText()
    }

    /// Thousandths as RFC 3261 writes a qvalue: `1`, `0.5`, `0.125`.
    private func appendQ(_ q: Int, to writer: inout ByteWriter) {
        guard q < 1000 else { return writer.append("1") }
        writer.append("0")
        var rest = q
        var weight = 100
        if rest > 0 { writer.append(UInt8(ascii: ".")) }
        while rest > 0 {
            writer.append(UInt8(48 + rest / weight))
            rest %= weight
            weight /= 10
        }
    }
}
