package import Bytes

/// The headers by which a request says to which trace it belongs (W3C Trace Context).
package enum TraceContext {
    package static let parent: ByteString = "traceparent"
    package static let state: ByteString = "tracestate"
    /// Bytes of a state that are kept and handed on (§3.3.1.5).
    package static let stateBytesMax = 512

    /// What a request says in `tracestate`, as one list; nil: nothing, or what is no list.
    package static func state(of request: Message) -> ByteString? {
        var list: [UInt8] = []
        for field in request.all(named: state) {
            if !list.isEmpty { list.append(ASCII.comma) }
            list.append(contentsOf: request.value(of: field).bytes)
        }
        let members = kept(list)
        return members.isEmpty ? nil : ByteString(members)
    }

    /// What of a list is kept: whole members from its beginning. Nothing of what is no list.
    package static func kept(_ list: [UInt8]) -> [UInt8] {
        guard list.allSatisfy({ $0 >= 0x20 && $0 < 0x7F || $0 == 9 }) else { return [] }
        guard list.count > stateBytesMax else { return list }
        return Array(list[..<(list[...stateBytesMax].lastIndex(of: ASCII.comma) ?? 0)])
    }
}

extension MessageNote {
    /// Puts in what a request says of its trace. Behind everything else: a state is long, and the least of it.
    package static func putTrace(of request: Message, into fields: inout FieldWriter) {
        guard let parent = request.first(named: TraceContext.parent) else { return }
        text(.traceParent, request.value(of: parent), &fields)
        for field in request.all(.other) where request.text(field.name).equalsIgnoringCase(TraceContext.state) {
            // One more than is kept tells that it was cut.
            let value = request.value(of: field)
            fields.put(Field.traceState.rawValue, value, bytesMax: TraceContext.stateBytesMax + 1)
        }
    }
}
