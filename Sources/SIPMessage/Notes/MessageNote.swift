package import Bytes

/// What an X-ray wants to know of a message, as fields (`FieldWriter`) that lie in an annotation with the key
/// `MessageNote.key`: copied out of the message by the process that handles it, read by who shows it.
package enum MessageNote {
    /// The annotation that carries the fields.
    package static let key: UInt16 = 1
    /// An annotation that carries a piece of the message as received; several of them follow one another.
    package static let rawKey: UInt16 = 2
    /// How many bytes of a field are kept.
    package static let fieldBytesMax = 512

    /// A tag. Texts unless it says otherwise.
    package enum Field: UInt8, Sendable {
        /// Method of a request, or of a response's `CSeq`.
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
    }

    /// Puts in what the message itself says.
    ///
    /// - Parameter uri: the request URI of the branch; nil: the message's own.
    package static func put(_ message: Message, uri: ByteString? = nil, into fields: inout FieldWriter) {
        text(.method, message.methodText, &fields)
        value(.callID, message.first(.callID), message, &fields)
        value(.cseq, message.first(.cseq), message, &fields)
        if message.isRequest {
            text(.uri, uri ?? message.requestURI, &fields)
            value(.userAgent, message.first(.userAgent), message, &fields)
        } else {
            fields.put(Field.status.rawValue, value: UInt16(truncatingIfNeeded: message.statusCode))
            text(.reason, message.reasonPhrase, &fields)
        }
    }

    /// Puts in a text, cut at `fieldBytesMax`.
    package static func text(_ field: Field, _ text: ByteString, _ fields: inout FieldWriter) {
        fields.put(field.rawValue, text, bytesMax: fieldBytesMax)
    }

    private static func value(
        _ field: Field, _ header: HeaderField?, _ message: Message, _ fields: inout FieldWriter
    ) {
        if let header { text(field, message.text(header.value), &fields) }
    }
}
