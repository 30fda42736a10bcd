import Bytes
import RouteRuntime
import SIPMessage

/// What the parameters of `b2b_logic` say.
struct B2BSettings: Sendable {
    /// Sessions that may exist at once.
    var sessionsMax = 100_000
    var hashBits = 9
    var cleanupSeconds = 100
    /// 0: a call may last for ever.
    var durationMaxSeconds = 12 * 3600
    var setupTimeoutSeconds = 60
    var contactHasUser = false
    /// A format string; nil: the contact is made from the listener.
    var serverAddress: ByteString?
    var fromVariable: ByteString?
    var callIDHeader: ByteString?
    var oldEntityDelaySeconds = 0
    /// Calls may be bridged before they are answered (`b2bl_early_update`).
    var bridgesEarly = false
    var contactParameters: [ByteString] = []
    private var customHeaders: [ByteString] = []
    private var customPattern: RegularExpression?

    /// No time that a script names is longer. (Parameters have 32 bits.)
    static let secondsMax = Int(Int32.max)

    init(_ parameters: ModuleParameters) throws(ModuleError) {
        func number(_ name: String, _ usual: Int) -> Int { parameters.integer("b2b_logic", name) ?? usual }
        func text(_ name: String) -> ByteString? { parameters.text("b2b_logic", name) }
        guard number("db_mode", 0) == 0 else {
            throw ModuleError("b2b_logic", "db_mode", nil, "there is no database; sessions live in memory: use 0")
        }
        hashBits = number("hash_size", 9)
        sessionsMax = max(1, number("sessions_max", 100_000))
        cleanupSeconds = max(1, number("cleanup_period", 100))
        durationMaxSeconds = max(0, number("max_duration", 12 * 3600))
        setupTimeoutSeconds = max(0, number("b2bl_th_init_timeout", 60))
        contactHasUser = number("contact_user", 0) != 0
        serverAddress = text("server_address")
        fromVariable = text("b2bl_from_spec_param")
        callIDHeader = text("init_callid_hdr")
        oldEntityDelaySeconds = max(0, number("old_entity_term_delay", 0))
        bridgesEarly = number("b2bl_early_update", 0) != 0
        contactParameters = Self.list(text("custom_contact_header_params"))
        customHeaders = Self.list(text("custom_headers"))
        if let pattern = text("custom_headers_regexp") {
            guard let compiled = Self.compile(pattern) else {
                throw .value("b2b_logic", "custom_headers_regexp", pattern)
            }
            customPattern = compiled
        }
    }

    private static func list(_ text: ByteString?) -> [ByteString] {
        guard let text else { return [] }
        return text.split(at: ASCII.semicolon).map { $0.trimmed() }.filter { !$0.isEmpty }
    }

    /// `re`, `/re/` or `/re/flags`.
    private static func compile(_ text: ByteString) -> RegularExpression? {
        guard text.first == UInt8(ascii: "/"), let end = text.last(of: UInt8(ascii: "/")), end > 0 else {
            return RegularExpression(text, ignoringCase: false)
        }
        let flags = text.dropFirst(end + 1)
        return RegularExpression(text[1..<end], ignoringCase: flags.contains(UInt8(ascii: "i")))
    }

    // MARK: headers that go through

    private static let always: Set<HeaderID> = [
        .supported, .allow, .proxyRequire, .sessionExpires, .minSE, .require,
    ]
    /// What a method, or a kind of answer, means nothing without.
    private static let ofMethod: [Method: Set<HeaderID>] = [
        .refer: [.referTo, .referredBy, .referSub], .notify: [.event, .subscriptionState],
        .subscribe: [.event, .expires], .info: [.infoPackage], .bye: [.reason],
    ]
    private static let ofFailure: Set<HeaderID> = [.retryAfter, .unsupported, .warning, .reason, .minExpires]
    private static let ofChallenge: Set<HeaderID> = [
        .wwwAuthenticate, .proxyAuthenticate, .authorization, .proxyAuthorization,
    ]

    /// The header lines that go from one side to the other, but for Content-Type.
    func passedLines(of message: Message, isAuthTransparent: Bool) -> ByteString {
        let method = message.isRequest ? message.method : message.cseq?.method ?? .other
        let special = Self.ofMethod[method] ?? []
        let isFailure = !message.isRequest && message.statusCode >= 300
        var writer = ByteWriter(reserving: 256)
        for field in message.headers {
            let isPassed =
                Self.always.contains(field.id) || special.contains(field.id)
                || (isFailure && Self.ofFailure.contains(field.id))
                || (isAuthTransparent && Self.ofChallenge.contains(field.id))
                || isCustom(field, message)
            if isPassed { writer.append(message.buffer, field.line) }
        }
        return writer.finishText()
    }

    /// Never what belongs to the dialog or transaction of one side.
    private static let ownHeaders: Set<HeaderID> = [
        .via, .from, .to, .callID, .cseq, .contact, .maxForwards, .route, .recordRoute, .contentLength, .contentType,
        .rack, .rseq,
    ]

    private func isCustom(_ field: HeaderField, _ message: Message) -> Bool {
        guard !customHeaders.isEmpty || customPattern != nil, !Self.ownHeaders.contains(field.id) else { return false }
        let name = message.text(field.name)
        return customHeaders.contains { $0.equalsIgnoringCase(name) } || customPattern?.matches(name) ?? false
    }

    /// The contact parameters of a message that are passed on, each with its semicolon.
    func passedContactParameters(of message: Message) -> ByteString {
        guard !contactParameters.isEmpty, let contact = message.contacts.first else { return .empty }
        var writer = ByteWriter()
        for parameter in contact.parameters {
            let name = contact.parameters.name(of: parameter)
            guard contactParameters.contains(where: { $0.equalsIgnoringCase(name) }) else { continue }
            writer.append(ASCII.semicolon)
            writer.append(name)
            guard parameter.hasValue else { continue }
            writer.append(UInt8(ascii: "="))
            writer.append(contact.parameters.value(of: parameter))
        }
        return writer.finishText()
    }
}
