package import Bytes

/// One part of a multipart body: header fields and content.
package struct BodyPart: Sendable {
    /// The header fields with their line ends.
    package let headers: ByteString
    /// The content, without the line end that belongs to the boundary.
    package let body: ByteString

    /// The value of the first header field with this name, without case; nil when there is none.
    package func value(_ name: StaticString) -> ByteString? {
        let bytes = headers.storage.span
        var index = headers.range.start
        let end = headers.range.end
        while index < end {
            var lineEnd = bytes.find(ASCII.lineFeed, index, end)
            while lineEnd + 1 < end, ASCII.isBlank(bytes[lineEnd + 1]) {
                lineEnd = bytes.find(ASCII.lineFeed, lineEnd + 1, end)
            }
            let nameEnd = bytes.skipToken(index, lineEnd)
            let colon = bytes.skipWhitespace(nameEnd, lineEnd)
            if colon < lineEnd, bytes[colon] == ASCII.colon, bytes.equalsIgnoringCase(name, at: index, nameEnd) {
                return ByteString(storage: headers.storage, range: ByteRange(colon + 1, lineEnd)).trimmed()
            }
            index = lineEnd + 1
        }
        return nil
    }

    /// The value of `Content-Type`; nil when it is missing or breaks the grammar.
    package var contentType: MediaType? { value("Content-Type").flatMap { MediaType($0) } }
}

/// The parts of a multipart body (RFC 2046 §5.1) in order. What stands before the first and after the last boundary
/// is not handed out.
package struct BodyParts: Sequence, IteratorProtocol, Sendable {
    /// Most parts that are handed out; those beyond are not looked at.
    package static let countMax = 64

    private let body: ByteString
    private let boundary: ByteString
    private var index: Int?
    private var count = 0

    /// The parts of `body`, which `boundary` separates (without the two hyphens).
    package init(_ body: ByteString, boundary: ByteString) {
        self.body = body
        self.boundary = boundary
        index = 0
        index = delimiter(from: 0).flatMap { $0.isLast ? nil : $0.next }
    }

    package mutating func next() -> BodyPart? {
        guard let start = index, count < Self.countMax else { return nil }
        count += 1
        let found = delimiter(from: start)
        // A body that breaks off reaches the end.
        let end = found?.start ?? body.count
        index = found.flatMap { $0.isLast ? nil : $0.next }
        return part(start, Swift.max(start, end))
    }

    /// The delimiter line at or after `start`: where its line end before it starts, what follows it, and whether it
    /// is the last.
    private func delimiter(from start: Int) -> (start: Int, next: Int, isLast: Bool)? {
        var line = start
        while line < body.count {
            let lineFeed = body.first(of: ASCII.lineFeed, from: line)
            let after = lineFeed.map { $0 + 1 } ?? body.count
            let text = body.slice(line..<after)
            if text.count >= boundary.count + 2, text.hasPrefix("--"), text.dropFirst(2).hasPrefix(boundary) {
                let rest = text.dropFirst(2 + boundary.count)
                let isLast = rest.hasPrefix("--")
                if isLast || rest.trimmed().isEmpty {
                    var end = line
                    if end > start, body[end - 1] == ASCII.lineFeed { end -= 1 }
                    if end > start, body[end - 1] == ASCII.carriageReturn { end -= 1 }
                    return (end, after, isLast)
                }
            }
            line = after
        }
        return nil
    }

    /// Takes the part from `start` to `end` apart at its first empty line.
    private func part(_ start: Int, _ end: Int) -> BodyPart {
        var line = start
        while line < end {
            let lineFeed = body.first(of: ASCII.lineFeed, from: line) ?? end
            let after = Swift.min(lineFeed + 1, end)
            if body.slice(line..<after).trimmed().isEmpty {
                return BodyPart(headers: body.slice(start..<line), body: body.slice(after..<end))
            }
            line = after
        }
        return BodyPart(headers: body.slice(start..<end), body: .empty)
    }
}

extension Message {
    /// The parts of a multipart body; nil when `Content-Type` is no multipart type with a boundary.
    package var bodyParts: BodyParts? {
        guard let type = contentType, type.type.equalsIgnoringCase("multipart"),
            let boundary = type.parameters.value("boundary")?.unquoted(), !boundary.isEmpty
        else { return nil }
        return BodyParts(body, boundary: boundary)
    }
}
