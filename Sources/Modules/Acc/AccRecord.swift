import Bytes
import RouteRuntime
import SIPMessage

/// One accounting record: the fixed fields, then those of the script.
struct AccRecord {
    /// What happened to the request.
    enum Kind: Equatable {
        case answered, missed, request

        var text: StaticString {
            switch self {
            case .answered: "transaction answered"
            case .missed: "call missed"
            case .request: "request accounted"
            }
        }
    }

    let kind: Kind
    let timestamp: Int
    let method: ByteString
    let fromTag: ByteString
    let toTag: ByteString
    let callID: ByteString
    let code: ByteString
    let reason: ByteString
    var extra: [(name: ByteString, value: ByteString)] = []
    var legs: [[(name: ByteString, value: ByteString)]] = []

    /// - Parameter isUpstream: the request came from the called side: From and To are told as in the first request.
    init(
        _ kind: Kind, of request: Message, code: ByteString, reason: ByteString, toTag: ByteString?, timestamp: Int,
        isUpstream: Bool
    ) {
        self.kind = kind
        self.timestamp = timestamp
        self.code = code
        self.reason = reason
        method = request.methodText
        callID = request.callID
        let from = request.fromTag ?? .empty
        let to = toTag ?? request.toTag ?? .empty
        (fromTag, self.toTag) = isUpstream ? (to, from) : (from, to)
    }

    /// `ACC: transaction answered: timestamp=…;method=INVITE;…`: one line of the log.
    var line: ByteString {
        var writer = ByteWriter(reserving: 256)
        writer.append("ACC: ")
        writer.append(kind.text)
        writer.append(": timestamp=")
        writer.append(decimal: timestamp)
        for (name, value) in fixed { Self.append(name, value, to: &writer) }
        for (name, value) in extra { Self.append(name, value, to: &writer) }
        for (index, leg) in legs.enumerated() {
            for (name, value) in leg {
                Self.append(name + "(leg" + ByteString(decimal: index + 1) + ")", value, to: &writer)
            }
        }
        return writer.finishText()
    }

    /// The parameters of an event; one list for each leg, or one without.
    var events: [[(name: String, value: Value)]] {
        let fixed = fixed.map { (name: $0.0 == "call_id" ? "callid" : $0.0.string, value: Value.string($0.1)) }
        let head =
            fixed.map { (name: Self.eventNames[$0.name] ?? $0.name, value: $0.value) }
            + [(name: "time", value: .integer(timestamp))]
            + extra.map { (name: $0.name.string, value: Value.string($0.value)) }
        guard !legs.isEmpty else { return [head] }
        return legs.map { leg in head + leg.map { (name: $0.name.string, value: Value.string($0.value)) } }
    }

    private static let eventNames = ["code": "sip_code", "reason": "sip_reason"]

    private var fixed: [(ByteString, ByteString)] {
        [
            ("method", method), ("from_tag", fromTag), ("to_tag", toTag), ("call_id", callID), ("code", code),
            ("reason", reason),
        ]
    }

    /// Line breaks in a value would forge lines of the log.
    private static func append(_ name: ByteString, _ value: ByteString, to writer: inout ByteWriter) {
        writer.append(ASCII.semicolon)
        writer.append(name)
        writer.append(ASCII.equal)
        for byte in value.elements { writer.append(byte < 32 ? ASCII.space : byte) }
    }
}
