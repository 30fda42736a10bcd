import Bytes

extension MessageEdits {
    /// The message with all edits made: the bytes to send. One allocation of just the right size.
    ///
    /// A changed body sets `Content-Length`: every such field gets the new number; when there is none, one is added
    /// after the last field. Bytes after the body are left out. `message` must be the one that the edits were made
    /// for; a range beyond it traps.
    package func apply(to message: Message) -> [UInt8] {
        let whole = ByteRange(lower: message.startLine.line.lower, upper: message.bodyRange.upper)
        guard !isEmpty else {
            return whole.count == message.buffer.count ? message.buffer : Array(message.buffer[whole.indices])
        }
        guard newBody != nil || edits.contains(where: { $0.upper > message.bodyRange.lower }) else {
            return render(message, edits, bodyFrom: whole.upper)
        }
        var edits = self
        edits.fixContentLength(of: message)
        let bodyFrom = edits.newBody == nil ? whole.upper : message.bodyRange.lower
        return edits.render(message, edits.edits, bodyFrom: bodyFrom)
    }

    /// Adds the edits that make `Content-Length` say what the body will be.
    private mutating func fixContentLength(of message: Message) {
        var length = newBody?.count ?? message.bodyRange.count
        if newBody == nil {
            var cursor = message.bodyRange.lower
            for edit in edits where edit.upper > message.bodyRange.lower || edit.lower >= message.bodyRange.lower {
                guard edit.lower >= cursor else { continue }
                length += edit.text.count - Int(edit.upper - edit.lower)
                cursor = edit.upper
            }
        }
        let text = ByteString(decimal: length)
        var hasField = false
        for field in message.all(.contentLength) {
            hasField = true
            replace(field.value, with: text)
        }
        guard !hasField else { return }
        insert(at: message.headersEnd) { writer in
            writer.append("Content-Length: ")
            writer.append(text)
            writer.append("\r\n")
        }
    }

    /// Copies the buffer up to `bodyFrom` with `edits` made, then the new body.
    private func render(_ message: Message, _ edits: [Edit], bodyFrom end: UInt32) -> [UInt8] {
        let body = newBody ?? .empty
        var size = Int(end - message.startLine.line.lower) + body.count
        for edit in edits { size += edit.text.count }
        var writer = ByteWriter(reserving: size)
        var cursor = message.startLine.line.lower
        for edit in edits where edit.lower >= cursor && edit.lower <= end {
            if edit.lower > cursor { writer.append(message.buffer, ByteRange(lower: cursor, upper: edit.lower)) }
            if !edit.text.isEmpty { writer.append(store, edit.text) }
            cursor = min(edit.upper, end)
        }
        if cursor < end { writer.append(message.buffer, ByteRange(lower: cursor, upper: end)) }
        if !body.isEmpty { writer.append(store, body) }
        return writer.finish()
    }
}
