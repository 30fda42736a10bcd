import Bytes
import RouteLanguage
import RouteRuntime
import SIPMessage

/// Functions about body parts.
enum BodyFunctions {
    static let all: [String: HostFunction] = [
        "has_body_part": { call in
            let context = call.context
            if context.currentBody.isEmpty { return .no }
            return Outcome(parts(context).contains(call.string(0)))
        },
        "remove_body_part": { call in
            var parts = parts(call.context)
            let mime = call.string(0)
            let reverts = call.string(1)?.equalsIgnoringCase("revert") ?? false
            let isRemoved = parts.remove { part in mime.map { part.isOf($0) != reverts } ?? true }
            guard isRemoved else { return .no }
            store(parts, in: call.context)
            return .yes
        },
        "add_body_part": { call in
            guard let body = call.string(0), let mime = call.string(1) else { return .no }
            var parts = parts(call.context)
            var headers = ByteString.empty
            if let lines = call.string(2), !lines.isEmpty {
                headers = "Content-Type: " + mime + "\r\n" + lines.asLine
            }
            parts.add(BodyParts.Part(headers: headers, contentType: mime, body: body))
            store(parts, in: call.context)
            return .yes
        },
        "get_updated_body_part": { call in
            let parts = parts(call.context)
            guard let mime = call.string(0) else { return Outcome(call.assign(1, .string(call.context.currentBody))) }
            guard let part = parts.parts.first(where: { $0.isOf(mime) }) else { return .no }
            return Outcome(call.assign(1, .string(part.body)))
        },
    ]

    static func parts(_ context: MessageContext) -> BodyParts {
        BodyParts(context.currentBody, contentType: context.currentContentType)
    }

    static func store(_ parts: BodyParts, in context: MessageContext) {
        let new = parts.serialized
        context.setBody(
            new.body, contentType: new.contentType == context.currentContentType ? nil : new.contentType)
    }
}
