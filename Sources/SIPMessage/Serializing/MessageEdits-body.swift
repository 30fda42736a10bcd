import Bytes

extension MessageEdits {
    /// Whether another body leaves than the one that came.
    package func changesBody(of message: Message) -> Bool {
        if newBody != nil { return true }
        let start = message.bodyRange.lower
        return edits.contains { $0.upper > start || $0.lower >= start }
    }
}
