import Bytes

/// How closely a message is looked at.
package enum CheckDepth: Sendable {
    /// What a transaction and a response need: Via, From, To, Call-ID and CSeq are there and decode, CSeq names the
    /// method, the request URI is one. Allocates nothing.
    case transaction
    /// Also every value whose grammar or range is known, and that single fields are single.
    case strict
}

extension Message {
    /// Looks at values, which parsing did not.
    /// - Throws: the first fault, with this message in it so that it can be answered.
    package func check(_ depth: CheckDepth) throws(MessageError) {
        var check = MessageCheck(message: self)
        check.checkTransaction()
        if depth == .strict, check.fault == nil { check.checkStrictly() }
        if let fault = check.fault { throw fault }
    }
}

/// One look at a message; keeps the first fault.
struct MessageCheck {
    let message: Message
    private(set) var fault: MessageError?

    init(message: Message) {
        self.message = message
    }

    mutating func note(_ kind: MessageError.Kind, _ offset: Int, _ expected: StaticString) {
        if fault == nil { fault = MessageError(kind, at: offset, expected: expected, partial: message) }
    }

    mutating func checkTransaction() {
        require(.via)
        require(.from)
        require(.to)
        require(.callID)
        require(.cseq)
        if fault != nil { return }
        if message.topVia == nil { noteValue(.via, "SIP/2.0/TRANSPORT host[:port]") }
        if message.from == nil { noteValue(.from, "an address") }
        if message.to == nil { noteValue(.to, "an address") }
        if message.callID.isEmpty { noteValue(.callID, "a call identifier") }
        guard let cseq = message.cseq else { return noteValue(.cseq, "a number below 2^31 and a method") }
        guard message.isRequest else { return }
        if cseq.methodText != message.methodText {
            note(.methodMismatch, cseq.methodText.range.start, "the method of the request line")
        }
        if SIPURI(message.requestURI) == nil {
            note(.requestURI, message.startLine.requestURI.start, "a URI")
        }
    }

    private mutating func require(_ id: HeaderID) {
        if !message.contains(id) { note(.missing(id), message.headersEnd, "a mandatory header field") }
    }

    private mutating func noteValue(_ id: HeaderID, _ expected: StaticString) {
        note(.value(id), message.first(id)?.value.start ?? 0, expected)
    }

    mutating func checkStrictly() {
        if message.isRequest, let uri = SIPURI(message.requestURI), uri.scheme == .sip || uri.scheme == .sips,
            !uri.headersRange.isEmpty
        {
            // RFC 3261 §19.1.1, table 1: headers are not allowed in a request URI.
            note(.requestURI, uri.headersRange.start, "a request URI without headers")
        }
        var seen: (UInt64, UInt64) = (0, 0)
        for field in message.headers {
            guard fault == nil else { return }
            let raw = UInt64(field.id.rawValue)
            if !field.id.isRepeatable {
                let isRepeated = (raw < 64 ? seen.0 >> raw : seen.1 >> (raw - 64)) & 1 == 1
                if isRepeated { note(.repeated(field.id), field.line.start, "one field of this name") }
            }
            if raw < 64 { seen.0 |= 1 << raw } else { seen.1 |= 1 << (raw - 64) }
            checkValue(field)
        }
    }
}
