package import Bytes

/// A value with parameters: Event, Session-Expires, Content-Disposition, Subscription-State, Reason, Replaces,
/// Retry-After, Accept, …
package struct ParameterizedValue: Sendable {
    /// What stands before the first semicolon, trimmed.
    package let value: ByteString
    /// What follows.
    package let parameters: Parameters

    /// Takes `text` apart at its first semicolon outside quotes; never fails.
    package init(_ text: ByteString) {
        let bytes = text.storage.span
        let end = text.range.end
        let start = bytes.skipWhitespace(text.range.start, end)
        var index = start
        while index < end, bytes[index] != ASCII.semicolon {
            index = bytes[index] == ASCII.quote ? (bytes.skipQuoted(index, end) ?? end) : index &+ 1
        }
        value = ByteString(storage: text.storage, range: ByteRange(start, bytes.trimEnd(start, index)))
        parameters = Parameters(storage: text.storage, range: ByteRange(index, end))
    }
}

/// `Content-Type` or one `Accept`: a type, a subtype and parameters (RFC 3261 §20.15). Type and subtype are compared
/// without case.
package struct MediaType: Sendable {
    /// `application` of `application/sdp`.
    package let type: ByteString
    /// `sdp` of `application/sdp`.
    package let subtype: ByteString
    /// `boundary`, `charset`, …
    package let parameters: Parameters

    /// Decodes a value; nil when it breaks the grammar.
    package init?(_ text: ByteString) {
        let parts = ParameterizedValue(text)
        guard let slash = parts.value.first(of: ASCII.slash) else { return nil }
        let type = parts.value.prefix(slash).trimmed()
        let subtype = parts.value.dropFirst(slash + 1).trimmed()
        guard !type.isEmpty, !subtype.isEmpty, type.isToken, subtype.isToken else { return nil }
        self.type = type
        self.subtype = subtype
        parameters = parts.parameters
    }

    /// Whether it is `type/subtype`, without case.
    package func matches(_ type: StaticString, _ subtype: StaticString) -> Bool {
        self.type.equalsIgnoringCase(type) && self.subtype.equalsIgnoringCase(subtype)
    }
}

/// A challenge or credentials: WWW-Authenticate, Authorization, Proxy-… (RFC 3261 §20.7, §20.44): a scheme and
/// comma-separated parameters.
package struct Credentials: Sendable {
    /// `Digest`, in any case.
    package let scheme: ByteString
    /// The parameters, values with their quotes.
    package let parameters: Parameters

    /// Decodes a value; nil when it does not start with a scheme and white space.
    package init?(_ text: ByteString) {
        let bytes = text.storage.span
        let end = text.range.end
        let start = bytes.skipWhitespace(text.range.start, end)
        let schemeEnd = bytes.skipToken(start, end)
        let rest = bytes.skipWhitespace(schemeEnd, end)
        guard schemeEnd > start, rest > schemeEnd, rest < end else { return nil }
        scheme = ByteString(storage: text.storage, range: ByteRange(start, schemeEnd))
        parameters = Parameters(
            storage: text.storage, range: ByteRange(rest, end), separator: ASCII.comma)
    }

    /// The value of the parameter with this name without quotes and backslashes; nil when there is none.
    package func value(_ name: StaticString) -> ByteString? {
        parameters.value(name)?.unquoted()
    }
}

extension Message {
    /// The value of the first field with `id` with its parameters; nil when it is missing.
    package func parameterized(_ id: HeaderID) -> ParameterizedValue? {
        value(id).map { ParameterizedValue($0) }
    }

    /// The value of `Content-Type`; nil when it is missing or breaks the grammar.
    package var contentType: MediaType? { value(.contentType).flatMap { MediaType($0) } }
}

extension ByteString {
    /// Whether every byte is a token character (RFC 3261 §25.1) and there is one.
    package var isToken: Bool {
        !isEmpty && storage.span.skipToken(range.start, range.end) == range.end
    }
}
