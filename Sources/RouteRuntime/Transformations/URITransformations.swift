import Bytes
import SIPMessage

/// `{uri.…}`: parts of a SIP, SIPS or TEL URI. A part that is missing is NULL.
enum URITransformations {
    static let all: [TransformationDefinition] = [
        part("user") { uri in uri.user.isEmpty ? nil : uri.user },
        // As `$rd` has it: an IPv6 address in brackets.
        part("host") { uri in uri.host },
        part("domain") { uri in uri.host },
        part("passwd") { uri in uri.password.isEmpty ? nil : uri.password },
        .text("uri", "port") { text, _ in
            SIPURI(text)?.port.map { .decimal(Int($0)) } ?? .null
        },
        part("params") { uri in list(uri.parameters) },
        .text("uri", "param", arguments: 1...1) { text, call in
            guard let uri = SIPURI(text), let name = call.string(0) else { return .null }
            return Value(uri.parameters.value(name))
        },
        part("headers") { uri in uri.headers.text.isEmpty ? nil : uri.headers.text },
        part("transport") { uri in uri.parameters.value("transport") },
        part("ttl") { uri in uri.parameters.value("ttl") },
        part("uparam") { uri in uri.parameters.value("user") },
        part("maddr") { uri in uri.parameters.value("maddr") },
        part("method") { uri in uri.parameters.value("method") },
        part("lr") { uri in uri.parameters.value("lr") },
        part("r2") { uri in uri.parameters.value("r2") },
        part("schema") { uri in uri.schemeText },
    ]

    private static func part(
        _ name: String, _ read: @escaping @Sendable (SIPURI) -> ByteString?
    ) -> TransformationDefinition {
        .text("uri", name) { text, _ in Value(SIPURI(text).flatMap(read)) }
    }

    /// Parameters as one text, without the semicolon in front; nil when there are none.
    static func list(_ parameters: Parameters) -> ByteString? {
        let text = parameters.text.trimmed()
        let stripped = text.first == ASCII.semicolon ? text.dropFirst(1).trimmed() : text
        return stripped.isEmpty ? nil : stripped
    }
}

/// `{via.…}`: parts of a Via header's value.
enum ViaTransformations {
    static let all: [TransformationDefinition] = [
        part("name") { via in protocolPart(via, 0) },
        part("version") { via in protocolPart(via, 1) },
        part("transport") { via in via.transport },
        part("host") { via in via.host },
        part("domain") { via in via.host },
        .text("via", "port") { text, _ in Via(first(text))?.port.map { .decimal(Int($0)) } ?? .null },
        part("comment") { via in comment(via.text) },
        part("params") { via in URITransformations.list(via.parameters) },
        .text("via", "param", arguments: 1...1) { text, call in
            guard let via = Via(first(text)), let name = call.string(0) else { return .null }
            return Value(via.parameters.value(name))
        },
        part("branch") { via in via.branch },
        part("received") { via in via.parameters.value("received") },
        part("rport") { via in via.parameters.value("rport") },
    ]

    private static func part(
        _ name: String, _ read: @escaping @Sendable (Via) -> ByteString?
    ) -> TransformationDefinition {
        .text("via", name) { text, _ in Value(Via(first(text)).flatMap(read)) }
    }

    /// The first of several values in one field.
    private static func first(_ text: ByteString) -> ByteString {
        ListSplitter.split(text).first ?? text
    }

    private static func protocolPart(_ via: Via, _ index: Int) -> ByteString? {
        let parts = via.text.split(at: ASCII.slash)
        return parts.count > 2 ? parts[index].trimmed() : nil
    }

    private static func comment(_ text: ByteString) -> ByteString? {
        guard let open = text.first(of: UInt8(ascii: "(")),
            let close = text.first(of: UInt8(ascii: ")"), from: open)
        else { return nil }
        return text.slice(open + 1..<close)
    }
}

/// Splits comma lists of addresses and the like; commas in quotes and in angle brackets do not count.
enum ListSplitter {
    static func split(_ text: ByteString) -> [ByteString] {
        var parts: [ByteString] = []
        var start = 0
        var isQuoted = false
        var isBracketed = false
        var index = 0
        while index <= text.count {
            let byte = index < text.count ? text[index] : ASCII.comma
            let isEnd = index == text.count
            if !isEnd, isQuoted, byte == ASCII.backslash {
                index += 2
                continue
            }
            switch byte {
            case ASCII.quote where !isEnd: isQuoted.toggle()
            case ASCII.less where !isQuoted: isBracketed = true
            case ASCII.greater where !isQuoted: isBracketed = false
            case ASCII.comma where isEnd || (!isQuoted && !isBracketed):
                let part = text.slice(start..<index).trimmed()
                if !part.isEmpty { parts.append(part) }
                start = index + 1
            default: break
            }
            index += 1
        }
        if start < text.count {
            let part = text.slice(start..<text.count).trimmed()
            if !part.isEmpty { parts.append(part) }
        }
        return parts
    }
}
