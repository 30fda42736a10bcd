package import Bytes

/// Edits of whole header fields and other parts of a message. A `line` is a field with its line end, or several of
/// them.
extension MessageEdits {
    /// Adds `line` after the last header field.
    @discardableResult
    package mutating func append(line: ByteString, to message: Message) -> Bool {
        insert(line, at: message.headersEnd)
    }

    /// Adds `line` before the first header field, before what was put there already.
    @discardableResult
    package mutating func prepend(line: ByteString, to message: Message) -> Bool {
        insert(line, at: message.startLine.line.end, first: true)
    }

    /// Adds `line` before `field`.
    @discardableResult
    package mutating func insert(line: ByteString, before field: HeaderField) -> Bool {
        insert(line, at: field.line.start)
    }

    /// Adds `line` after `field`, before what was put there already.
    @discardableResult
    package mutating func insert(line: ByteString, after field: HeaderField) -> Bool {
        insert(line, at: field.line.end, first: true)
    }

    /// Removes `field` with its line end.
    @discardableResult
    package mutating func remove(_ field: HeaderField) -> Bool {
        remove(field.line)
    }

    /// Replaces the value of `field`.
    @discardableResult
    package mutating func replaceValue(of field: HeaderField, with value: ByteString) -> Bool {
        replace(field.value, with: value)
    }

    /// Replaces the request URI; does nothing to a response.
    @discardableResult
    package mutating func replaceRequestURI(of message: Message, with uri: ByteString) -> Bool {
        message.isRequest ? replace(message.startLine.requestURI, with: uri) : false
    }

    /// Replaces the status code and reason phrase of a response; does nothing to a request.
    @discardableResult
    package mutating func replaceStatus(of message: Message, code: Int, reason: ByteString) -> Bool {
        guard !message.isRequest else { return false }
        let start = message.startLine.version.end + 1
        let text = ByteString(decimal: code) + ByteString([ASCII.space]) + reason
        return replace(ByteRange(start, message.startLine.reasonPhrase.end), with: text)
    }

    /// Removes one value of a list header with its comma; the whole field when it is the only value of it.
    ///
    /// Remove the values of one field that has several all at once by removing the field and adding it anew: each
    /// removal here takes the comma after its value, the last one the comma before it, so that removing the last and
    /// its neighbour would leave a comma.
    @discardableResult
    package mutating func remove(_ element: HeaderElement, from message: Message) -> Bool {
        let bytes = message.buffer.span
        let field = element.field.value
        let after = bytes.find(ASCII.comma, element.range.end, field.end)
        if after < field.end {
            return remove(ByteRange(element.range.start, bytes.skipWhitespace(after + 1, field.end)))
        }
        var before = element.range.start
        while before > field.start, bytes[before - 1] != ASCII.comma { before -= 1 }
        return before > field.start ? remove(ByteRange(before - 1, element.range.end)) : remove(element.field)
    }
}
