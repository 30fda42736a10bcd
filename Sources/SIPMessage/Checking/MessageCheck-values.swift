import Bytes

/// The grammar and range of each value that is known. A header that is not named here is free text.
extension MessageCheck {
    mutating func checkValue(_ field: HeaderField) {
        switch field.id {
        case .via: checkList(field, isEmptyAllowed: false) { Via($0) != nil && Self.areSound(Via($0)?.parameters) }
        case .from, .to, .replyTo, .referTo, .referredBy, .pCalledPartyID, .pServedUser:
            checkOne(field, "an address", Self.isSoundAddress)
        case .contact: checkList(field, isEmptyAllowed: false, Self.isSoundContact)
        case .route, .recordRoute, .path, .serviceRoute, .pAssertedIdentity, .pPreferredIdentity, .pAssociatedURI,
            .historyInfo, .diversion, .remotePartyID:
            checkList(field, isEmptyAllowed: false, Self.isSoundAddress)
        case .maxForwards: checkNumber(field, max: 255, "0 to 255")
        case .expires, .minExpires, .rseq, .flowTimer, .maxBreadth:
            checkNumber(field, max: UInt64(UInt32.max), "a number up to 2^32 - 1")
        case .minSE, .sessionExpires:
            checkOne(field, "seconds up to 2^32 - 1") {
                let parts = ParameterizedValue($0)
                return Self.isNumber(parts.value, max: UInt64(UInt32.max)) && Self.areSound(parts.parameters)
            }
        case .retryAfter: checkOne(field, "seconds up to 2^32 - 1", Self.startsWithSeconds)
        case .rack: checkOne(field, "RSeq number, CSeq number and method") { RAck($0) != nil }
        case .contentType: checkOne(field, "type/subtype") { MediaType($0) != nil && Self.isSoundMedia($0) }
        case .allow, .supported, .require, .proxyRequire, .unsupported, .allowEvents:
            checkList(field, isEmptyAllowed: true) { $0.isToken }
        case .warning: checkList(field, isEmptyAllowed: false, Self.isSoundWarning)
        case .date: checkOne(field, "a time that ends in GMT") { $0.hasSuffix(" GMT") }
        case .callID: checkOne(field, "a call identifier without white space", Self.isSoundCallID)
        case .authorization, .proxyAuthorization, .wwwAuthenticate, .proxyAuthenticate:
            checkOne(field, "a scheme and parameters") { Credentials($0) != nil && Self.areQuotesClosed($0) }
        default: break
        }
    }

    private mutating func checkOne(_ field: HeaderField, _ expected: StaticString, _ isSound: (ByteString) -> Bool) {
        if !isSound(message.value(of: field)) { note(.value(field.id), field.value.start, expected) }
    }

    private mutating func checkNumber(_ field: HeaderField, max: UInt64, _ expected: StaticString) {
        if !Self.isNumber(message.value(of: field), max: max) { note(.value(field.id), field.value.start, expected) }
    }

    /// Each value of a list is sound, and none is empty: neither before, between nor after commas.
    private mutating func checkList(_ field: HeaderField, isEmptyAllowed: Bool, _ isSound: (ByteString) -> Bool) {
        let buffer = message.buffer
        let bytes = buffer.span
        let end = field.value.end
        var index = field.value.start
        if isEmptyAllowed, index == end { return }
        while true {
            let comma = bytes.elementEnd(index, end)
            let lower = bytes.skipWhitespace(index, comma)
            let range = ByteRange(lower, bytes.trimEnd(lower, comma))
            guard !range.isEmpty, isSound(message.text(range)) else {
                return note(.value(field.id), range.start, "a value of this header")
            }
            if comma >= end { return }
            index = comma + 1
        }
    }
}

extension MessageCheck {
    private static func isNumber(_ text: ByteString, max: UInt64) -> Bool {
        text.storage.span.decimal(text.range.start, text.range.end, max: max) != nil
    }

    /// Whether every parameter has a token for a name and a whole value, and there is no empty one.
    private static func areSound(_ parameters: Parameters?) -> Bool {
        guard let parameters else { return false }
        return parameters.allSatisfy { isSound($0, of: parameters) } && !hasEmptyParameter(parameters)
    }

    private static func isSound(_ parameter: Parameter, of parameters: Parameters) -> Bool {
        guard parameters.name(of: parameter).isToken else { return false }
        guard parameter.hasValue else { return true }
        let value = parameters.value(of: parameter)
        let bytes = value.storage.span
        if value.first == ASCII.quote { return bytes.skipQuoted(value.range.start, value.range.end) == value.range.end }
        return !value.isEmpty
            && !value.elements.contains { ASCII.isWhitespace($0) || $0 == ASCII.quote || $0 == ASCII.comma }
    }

    /// Whether two separators follow each other, or one is last.
    private static func hasEmptyParameter(_ parameters: Parameters) -> Bool {
        let bytes = parameters.storage.span
        let end = parameters.range.end
        var index = parameters.range.start
        while index < end {
            if bytes[index] == ASCII.quote {
                index = bytes.skipQuoted(index, end) ?? end
            } else if bytes[index] == ASCII.semicolon {
                index = bytes.skipWhitespace(index + 1, end)
                if index == end || bytes[index] == ASCII.semicolon { return true }
            } else {
                index += 1
            }
        }
        return false
    }

    private static func isSoundAddress(_ text: ByteString) -> Bool {
        guard let address = NameAddress(text), address.uri != nil, areSound(address.parameters) else { return false }
        guard address.isBracketed else {
            // RFC 3261 §20: a bare URI has no comma, semicolon or question mark.
            return !address.uriText.contains(ASCII.comma) && !address.uriText.contains(ASCII.question)
        }
        let bytes = address.storage.span
        return bytes[address.uriRange.start - 1] == ASCII.less && bytes[address.uriRange.end] == ASCII.greater
            && isSoundDisplayName(address.displayName)
    }

    /// Nothing, one quoted string, or tokens with white space between them.
    private static func isSoundDisplayName(_ name: ByteString) -> Bool {
        guard name.first == ASCII.quote else {
            return name.elements.allSatisfy { ASCII.isTokenCharacter($0) || ASCII.isWhitespace($0) }
        }
        return name.storage.span.skipQuoted(name.range.start, name.range.end) == name.range.end
    }

    private static func isSoundContact(_ text: ByteString) -> Bool {
        if text == "*" { return true }
        guard isSoundAddress(text), let address = NameAddress(text) else { return false }
        if let expires = address.parameters.value("expires"), !isNumber(expires, max: UInt64(UInt32.max)) {
            return false
        }
        return address.parameters.value("q").map { $0.qThousandths != nil } ?? true
    }

    private static func startsWithSeconds(_ text: ByteString) -> Bool {
        let bytes = text.storage.span
        var index = text.range.start
        while index < text.range.end, ASCII.isDigit(bytes[index]) { index += 1 }
        return bytes.decimal(text.range.start, index, max: UInt64(UInt32.max)) != nil
    }

    /// A code of three digits, an agent and a quoted text (RFC 3261 §20.43).
    private static func isSoundWarning(_ text: ByteString) -> Bool {
        guard let space = text.first(of: ASCII.space), space == 3, text.prefix(3).decimal() != nil else { return false }
        return text.last == ASCII.quote && areQuotesClosed(text)
    }

    private static func isSoundMedia(_ text: ByteString) -> Bool {
        areSound(ParameterizedValue(text).parameters)
    }

    /// One word, or two with `@` between them (RFC 3261 §25.1).
    private static func isSoundCallID(_ text: ByteString) -> Bool {
        !text.isEmpty
            && text.elements.allSatisfy { $0 > ASCII.space && $0 < 127 && $0 != ASCII.comma && $0 != ASCII.semicolon }
    }

    private static func areQuotesClosed(_ text: ByteString) -> Bool {
        text.storage.span.areQuotesClosed(text.range.start, text.range.end)
    }
}
