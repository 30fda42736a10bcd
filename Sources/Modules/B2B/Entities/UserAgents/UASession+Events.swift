import Bytes
import RouteRuntime
import SIPMessage
import SIPStack

/// `E_UA_SESSION`: what a controller outside, or an `event_route`, learns of a session.
extension UASession {
    enum Happening: String {
        case new = "NEW"
        case early = "EARLY"
        case answered = "ANSWERED"
        case rejected = "REJECTED"
        case updated = "UPDATED"
        case terminated = "TERMINATED"
    }

    static let event: StaticString = "E_UA_SESSION"

    /// A request came.
    func raise(_ happening: Happening, _ request: Message, _ entity: B2BEntity, extra: ByteString? = nil) {
        raise(happening, method: request.methodText, request, entity, extra: extra)
    }

    /// A response came, or the request has no answer.
    func raise(_ response: AgentResponse, _ request: OutgoingRequest, _ entity: B2BEntity) {
        let happening: Happening =
            switch response.status {
            case ..<200: .early
            case ..<300: .answered
            default: .rejected
            }
        raise(
            happening, method: request.methodText, response.message, entity, status: response.status,
            reason: response.message?.reasonPhrase ?? ByteString(StatusCode.reason(response.status)))
    }

    func raise(
        _ happening: Happening, method: ByteString, _ message: Message?, _ entity: B2BEntity, status: Int? = nil,
        reason: ByteString? = nil, extra: ByteString? = nil
    ) {
        guard service.events.isWanted(Self.event) else { return }
        var fields: [(name: String, value: Value)] = [
            ("key", .string(entity.key)), ("entity_type", .string(entity.isServer ? "UAS" : "UAC")),
            ("event_type", .string(ByteString(happening.rawValue))),
        ]
        if let status { fields.append(("status", .integer(status))) }
        if let reason { fields.append(("reason", .string(reason.compacted()))) }
        fields.append(("method", .string(method.compacted())))
        if let message {
            if flags.showsBodies, !message.body.isEmpty { fields.append(("body", .string(message.body.compacted()))) }
            if flags.showsHeaders { fields.append(("headers", .string(message.headerText.compacted()))) }
        }
        if let extra { fields.append(("extra_params", .string(extra))) }
        service.events.raise(Self.event, fields)
    }
}

extension Message {
    /// All header lines, as they stand in the message.
    fileprivate var headerText: ByteString {
        guard let first = headers.first else { return .empty }
        return text(ByteRange(lower: first.line.lower, upper: UInt32(headersEnd)))
    }
}
