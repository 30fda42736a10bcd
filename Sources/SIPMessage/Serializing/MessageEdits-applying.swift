import Bytes

extension MessageEdits {
    /// The message with all edits made: the bytes to send. One allocation of just the right size.
    ///
    /// A changed body sets `Content-Length`: every such field gets the new number; when there is none, one is added
    /// after the last field. Bytes after the body are left out. `message` must be the one that the edits were made
    /// for; a range beyond it traps.
    ///
    /// - Parameter onStream: the bytes go over a connection, where only `Content-Length` tells where the message ends: one
    ///   that came by UDP without it gets it (RFC 3261 §16.6 item 9, §20.14).
    package func apply(to message: Message, onStream: Bool = false) -> [UInt8] {
        let whole = ByteRange(lower: message.startLine.line.lower, upper: message.bodyRange.upper)
        let lacksLength = onStream && !keepsContentLength(of: message)
        guard !isEmpty || lacksLength else {
            return whole.count == message.buffer.count ? message.buffer : Array(message.buffer[whole.indices])
        }
        guard lacksLength || newBody != nil || edits.contains(where: { $0.upper > message.bodyRange.lower }) else {
            return render(message, edits, bodyFrom: whole.upper)
        }
        var edits = self
        edits.fixContentLength(of: message)
        let bodyFrom = edits.newBody == nil ? whole.upper : message.bodyRange.lower
        return edits.render(message, edits.edits, bodyFrom: bodyFrom)
    }

    /// Whether a `Content-Length` field of the message is there when the edits are made.
    private func keepsContentLength(of message: Message) -> Bool {
        message.all(.contentLength).contains { field in
            !edits.contains { $0.lower <= field.line.lower && $0.upper >= field.line.upper && $0.text.isEmpty }
        }
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
        let hasField = keepsContentLength(of: message)
        for field in message.all(.contentLength) { replace(field.value, with: text) }
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
