import Bytes
import RouteRuntime
import SIPMessage

/// The body as the script changed it.
struct ChangedBody {
    var body: ByteString
    /// The new Content-Type; nil keeps the one received.
    var contentType: ByteString?
}

extension MessageContext {
    /// The body as it stands after the script's changes.
    var currentBody: ByteString { state(ChangedBody.self)?.body ?? message.body }

    /// The Content-Type as it stands; empty when there is none.
    var currentContentType: ByteString {
        state(ChangedBody.self)?.contentType ?? message.value(.contentType) ?? .empty
    }

    /// Replaces the body; `contentType`, when given, with it. An empty body takes the Content-Type away.
    func setBody(_ body: ByteString, contentType: ByteString? = nil) {
        let before = state(ChangedBody.self)
        let type = body.isEmpty ? ByteString.empty : contentType ?? before?.contentType
        updateState(ChangedBody(body: body)) { state in
            state.body = body
            state.contentType = type
        }
        edits.setBody(body)
        guard let type else { return }
        if let field = message.first(.contentType) {
            if type.isEmpty { edits.remove(field) } else { edits.replace(field.line, with: Self.contentTypeLine(type)) }
        } else if !type.isEmpty, before?.contentType ?? .empty != type {
            edits.insert(at: message.headersEnd) { $0.append(Self.contentTypeLine(type)) }
        }
    }

    private static func contentTypeLine(_ type: ByteString) -> ByteString {
        var writer = ByteWriter(reserving: type.count + 16)
        writer.append("Content-Type: ")
        writer.append(type)
        writer.append("\r\n")
        return writer.finishText()
    }
}

extension String {
    /// The UTF-8 of this text.
    var byteString: ByteString { ByteString(self) }
}
