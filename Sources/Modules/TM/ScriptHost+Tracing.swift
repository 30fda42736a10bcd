package import Bytes
package import Profiling
package import SIPMessage

/// Makes the value of `traceparent` (W3C Trace Context) for a request that leaves on behalf of a session. The message is
/// the request as it came in, or as it was made here. nil: none is added.
package typealias TracePropagation = @Sendable (SessionLink, Message) -> ByteString?

extension ScriptHost {
    /// Puts the header into a request that is about to leave, in the place of the one that it came with. One test while
    /// propagation is off.
    @inline(__always)
    func propagate(_ records: SessionLink, _ message: Message, _ edits: inout MessageEdits) {
        if propagation != nil, records.session != .none { addTraceParent(records, message, &edits) }
    }

    @inline(never)
    private func addTraceParent(_ records: SessionLink, _ message: Message, _ edits: inout MessageEdits) {
        guard let value = propagation?(records, message) else { return }
        if let field = message.first(named: "traceparent") {
            edits.replace(field.value, with: value)
        } else {
            var line = ByteWriter(reserving: 80)
            line.append("traceparent: ")
            line.append(value)
            line.append("\r\n")
            edits.append(line: line.finishText(), to: message)
        }
    }
}
