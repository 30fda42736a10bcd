package import Bytes

/// A body taken apart: one part, or those of a multipart body (RFC 2046 §5.1). Parts are not taken apart again.
package struct BodyParts: Sendable {
    package struct Part: Sendable {
        /// Header lines of the part with their line ends; empty for a body that is one part.
        package let headers: ByteString
        /// As written; `text/plain` of a part that does not say (RFC 2046 §5.1).
        package let contentType: ByteString
        /// Without the line end that belongs to the boundary.
        package let body: ByteString

        package init(headers: ByteString, contentType: ByteString, body: ByteString) {
            self.headers = headers
            self.contentType = contentType
            self.body = body
        }

        /// Whether the part is of a type such as `application/sdp`; parameters and case do not count.
        package func isOf(_ mime: ByteString) -> Bool {
            ParameterizedValue(contentType).value.trimmed().equalsIgnoringCase(mime)
        }
    }

    /// Parts of a body that are read; what follows belongs to the last one.
    package static let countMax = 64

    package private(set) var parts: [Part]
    package private(set) var contentType: ByteString
    private let boundary: ByteString?

    /// Reads `body`. Never fails: what is no multipart body is one part; an empty body has none.
    package init(_ body: ByteString, contentType: ByteString) {
        self.contentType = contentType
        guard !body.isEmpty else {
            parts = []
            boundary = nil
            return
        }
        let type = ParameterizedValue(contentType)
        if type.value.hasPrefixIgnoringCase("multipart/"),
            let boundary = type.parameters.value("boundary").map({ $0.unquoted() }), !boundary.isEmpty,
            let parts = Self.split(body, boundary)
        {
            self.parts = parts
            self.boundary = boundary
        } else {
            parts = [Part(headers: .empty, contentType: contentType, body: body)]
            boundary = nil
        }
    }

    private static func split(_ body: ByteString, _ boundary: ByteString) -> [Part]? {
        let mark = "--" + boundary
        var starts: [Separator] = []
        var from = 0
        while starts.count <= countMax, let found = separator(mark, in: body, from: from) {
            starts.append(found)
            if found.isLast { break }
            from = found.mark + mark.count
        }
        guard starts.count >= 2 else { return nil }
        return zip(starts, starts.dropFirst()).map { part, next in
            var end = next.mark
            if end > part.content, body[end - 1] == ASCII.lineFeed { end -= 1 }
            if end > part.content, body[end - 1] == ASCII.carriageReturn { end -= 1 }
            return Part(body.slice(part.content..<max(part.content, end)))
        }
    }

    /// A line between two parts, or behind the last one.
    private struct Separator {
        /// Where the line begins.
        let mark: Int
        /// Where what it separates begins.
        let content: Int
        let isLast: Bool
    }

    private static func separator(_ mark: ByteString, in text: ByteString, from: Int) -> Separator? {
        var from = from
        while let found = text.first(of: mark, from: from) {
            from = found + mark.count
            guard found == 0 || text[found - 1] == ASCII.lineFeed else { continue }
            let lineEnd = text.first(of: ASCII.lineFeed, from: from).map { $0 + 1 } ?? text.count
            let rest = text.slice(from..<lineEnd)
            let isLast = rest.hasPrefix("--")
            // Else the line begins with the boundary of something else.
            if isLast || rest.trimmed().isEmpty {
                return Separator(mark: found, content: isLast ? text.count : lineEnd, isLast: isLast)
            }
        }
        return nil
    }

    /// Whether there is a part of that type, or any.
    package func contains(_ mime: ByteString?) -> Bool {
        guard let mime else { return !parts.isEmpty }
        return parts.contains { $0.isOf(mime) } || ParameterizedValue(contentType).value.equalsIgnoringCase(mime)
    }

    /// Removes the parts that `isWanted` picks. Whether there was one.
    package mutating func remove(where isWanted: (Part) -> Bool) -> Bool {
        let before = parts.count
        parts.removeAll(where: isWanted)
        return parts.count != before
    }

    package mutating func add(_ part: Part) { parts.append(part) }

    /// Replaces the body of the part at `index`.
    package mutating func setBody(_ body: ByteString, at index: Int) {
        parts[index] = Part(headers: parts[index].headers, contentType: parts[index].contentType, body: body)
    }

    /// Body and Content-Type again: nothing for no part, the part itself for one, multipart for more.
    package var serialized: (body: ByteString, contentType: ByteString) {
        serialized { ByteString("sipray-" + Self.randomDigits() + Self.randomDigits()) }
    }

    /// The same with another source of boundaries. The message's own is kept unless a part, which a script may have put there,
    /// has such a line: it would be two parts, or the end, for whoever reads it. Nobody can foresee a made one, and none that
    /// stands in a part is taken.
    func serialized(boundaries: () -> ByteString) -> (body: ByteString, contentType: ByteString) {
        guard let first = parts.first else { return (.empty, .empty) }
        if parts.count == 1 { return (first.body, first.contentType) }
        let own = self.boundary.flatMap { isSeparating($0) ? $0 : nil }
        var boundary = own ?? boundaries()
        while own == nil, parts.contains(where: { $0.contains(boundary) }) { boundary = boundaries() }
        var writer = ByteWriter(reserving: parts.reduce(64) { $0 + $1.body.count + $1.headers.count + 128 })
        for part in parts {
            writer.append("--")
            writer.append(boundary)
            writer.append("\r\n")
            if part.headers.isEmpty {
                writer.append("Content-Type: ")
                writer.append(part.contentType)
                writer.append("\r\n")
            } else {
                writer.append(part.headers)
            }
            writer.append("\r\n")
            writer.append(part.body)
            writer.append("\r\n")
        }
        writer.append("--")
        writer.append(boundary)
        writer.append("--\r\n")
        return (writer.finishText(), own == nil ? contentType(with: boundary) : contentType)
    }

    /// Whether no part has a line that a reader would take for one between parts.
    private func isSeparating(_ boundary: ByteString) -> Bool {
        let mark = "--" + boundary
        return parts.allSatisfy {
            Self.separator(mark, in: $0.headers, from: 0) == nil && Self.separator(mark, in: $0.body, from: 0) == nil
        }
    }

    /// The type of a multipart body with another boundary; `multipart/mixed` for what was none.
    private func contentType(with boundary: ByteString) -> ByteString {
        guard self.boundary != nil else { return "multipart/mixed;boundary=" + boundary }
        let type = ParameterizedValue(contentType)
        var writer = ByteWriter(reserving: contentType.count + boundary.count)
        writer.append(type.value)
        for parameter in type.parameters {
            let text = ByteString(storage: type.parameters.storage, range: parameter.whole)
            if ByteString(storage: text.storage, range: parameter.name).equalsIgnoringCase("boundary") { continue }
            writer.append(ASCII.semicolon)
            writer.append(text)
        }
        writer.append(";boundary=")
        writer.append(boundary)
        return writer.finishText()
    }

    /// 64 bits of the system's secure source.
    private static func randomDigits() -> String { String(UInt64.random(in: .min ... .max), radix: 16) }
}

extension BodyParts.Part {
    fileprivate func contains(_ text: ByteString) -> Bool {
        headers.first(of: text, from: 0) != nil || body.first(of: text, from: 0) != nil
    }

    /// Reads a part of a multipart body: header lines, an empty line, the body.
    init(_ text: ByteString) {
        var end = 0
        while end < text.count {
            let lineEnd = text.first(of: ASCII.lineFeed, from: end) ?? text.count - 1
            let line = text.slice(end..<(lineEnd + 1)).trimmed()
            if line.isEmpty {
                let headers = text.prefix(end)
                self.init(
                    headers: headers, contentType: Self.contentType(headers), body: text.dropFirst(lineEnd + 1))
                return
            }
            end = lineEnd + 1
        }
        self.init(headers: .empty, contentType: "text/plain", body: text)
    }

    private static func contentType(_ headers: ByteString) -> ByteString {
        for line in headers.split(at: ASCII.lineFeed) {
            guard let colon = line.first(of: ASCII.colon) else { continue }
            let name = line.prefix(colon).trimmed()
            if name.equalsIgnoringCase("Content-Type") || name.equalsIgnoringCase("c") {
                return line.dropFirst(colon + 1).trimmed()
            }
        }
        return "text/plain"
    }
}

extension Message {
    /// The body, taken apart as `Content-Type` says.
    package var bodyParts: BodyParts { BodyParts(body, contentType: value(.contentType) ?? .empty) }
}
