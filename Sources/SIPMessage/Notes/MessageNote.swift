package import Bytes

/// What an X-ray wants to know of a message, as fields (`FieldWriter`) that lie in an annotation with the key
/// `MessageNote.key`: copied out of the message by the process that handles it, read by who shows it.
package enum MessageNote {
    /// The annotation that carries the fields.
    package static let key: UInt16 = 1
    /// An annotation that carries a piece of the message as received; several of them follow one another.
    package static let rawKey: UInt16 = 2
    /// An annotation with fields, of a process that makes a request: which work it does that for.
    package static let causeKey: UInt16 = 4
    /// How many bytes of a field are kept.
    package static let fieldBytesMax = 512

    /// A tag. Texts unless it says otherwise.
    package enum Field: UInt8, Sendable {
        /// Method of a request. Of a response it is in `cseq`.
        case method = 1
        /// Request URI of a request, as it stands on the branch.
        case uri
        case callID
        /// Value of `CSeq`.
        case cseq
        /// Of requests.
        case userAgent
        /// Status of a response: UInt16 in memory's order.
        case status
        case reason
        /// Where the message came from, as its address lies in memory.
        case peer
        /// The listener, as its address lies in memory.
        case local
        /// `udp`, in whatever case.
        case transport
        /// `traceparent` of the request that the work is about (W3C Trace Context).
        case traceParent
        /// The first session of the same work, as it lies in memory (UInt64).
        case origin
        /// The session before this one, where the record does not name it (UInt64).
        case link
        /// `tracestate` of that request, once for each header.
        case traceState
    }

    /// Puts in what the message itself says.
    ///
    /// - Parameter uri: the request URI of the branch; nil: the message's own.
    package static func put(_ message: Message, uri: ByteString? = nil, into fields: inout FieldWriter) {
        // Ranges of the buffer, under one hold of it: no slice is made, nothing is parsed that the reader can parse.
        let bytes = message.buffer
        let line = message.startLine
        put(.callID, message.first(.callID)?.value, bytes, &fields)
        put(.cseq, message.first(.cseq)?.value, bytes, &fields)
        guard line.isRequest else {
            fields.put(Field.status.rawValue, value: UInt16(truncatingIfNeeded: line.statusCode))
            put(.reason, line.reasonPhrase, bytes, &fields)
            return
        }
        put(.method, line.methodText, bytes, &fields)
        if let uri { text(.uri, uri, &fields) } else { put(.uri, line.requestURI, bytes, &fields) }
        put(.userAgent, message.first(.userAgent)?.value, bytes, &fields)
    }

    /// Puts in a text, cut at `fieldBytesMax`.
    package static func text(_ field: Field, _ text: ByteString, _ fields: inout FieldWriter) {
        fields.put(field.rawValue, text, bytesMax: fieldBytesMax)
    }

    @inline(__always)
    private static func put(
        _ field: Field, _ range: ByteRange?, _ bytes: [UInt8], _ fields: inout FieldWriter
    ) {
        if let range { fields.put(field.rawValue, bytes, range, bytesMax: fieldBytesMax) }
    }
}
