import Bytes
import RouteRuntime
import SIPDialog
import SIPMessage

/// One accounting record: the fixed fields, then those of the script.
struct AccRecord {
    /// What happened to the request.
    enum Kind: Equatable {
        case answered, missed, request, ended

        var text: StaticString {
            switch self {
            case .answered: "transaction answered"
            case .missed: "call missed"
            case .request: "request accounted"
            case .ended: "call ended"
            }
        }
    }

    /// Of a call that is over.
    struct Duration: Equatable {
        /// Seconds since 1970.
        let created: Int
        let milliseconds: Int
        let setupSeconds: Int

        /// Seconds begun.
        var seconds: Int { (milliseconds + 999) / 1000 }
    }

    /// Of one that failed.
    struct Attempt: Equatable {
        /// Seconds since 1970.
        let created: Int
        let setupSeconds: Int
    }

    let kind: Kind
    /// Of a call that is over, when it was answered.
    let timestamp: Int
    let method: ByteString
    let fromTag: ByteString
    let toTag: ByteString
    let callID: ByteString
    let code: ByteString
    let reason: ByteString
    var extra: [(name: ByteString, value: ByteString)] = []
    var legs: [[(name: ByteString, value: ByteString)]] = []
    var duration: Duration?
    var attempt: Attempt?

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

    /// The record of a whole call, as its dialog knows it.
    init(_ dialog: Dialog, code: Int, reason: ByteString, timestamp: Int, _ duration: Duration) {
        kind = .ended
        self.timestamp = timestamp
        self.code = ByteString(decimal: code)
        self.reason = reason
        self.duration = duration
        method = "INVITE"
        callID = dialog.callID
        (fromTag, toTag) = dialog.read { ($0.caller.tag, $0.callee?.tag ?? .empty) }
    }

    /// The event that tells of it.
    var event: StaticString {
        if kind == .ended { return "E_ACC_CDR" }
        return (code.decimal() ?? 999) < 300 ? "E_ACC_EVENT" : "E_ACC_MISSED_EVENT"
    }

    /// `ACC: transaction answered: timestamp=…;method=INVITE;…`: one line of the log.
    var line: ByteString {
        var writer = ByteWriter(reserving: 256)
        writer.append("ACC: ")
        writer.append(kind.text)
        if let duration {
            writer.append(": created=")
            writer.append(decimal: duration.created)
            Self.append("call_start_time", timestamp, to: &writer)
            Self.append("duration", duration.seconds, to: &writer)
            Self.append("ms_duration", duration.milliseconds, to: &writer)
            Self.append("setuptime", duration.setupSeconds, to: &writer)
        } else {
            writer.append(": timestamp=")
            writer.append(decimal: timestamp)
        }
        Self.append("method", method, to: &writer)
        Self.append("from_tag", fromTag, to: &writer)
        Self.append("to_tag", toTag, to: &writer)
        Self.append("call_id", callID, to: &writer)
        Self.append("code", code, to: &writer)
        Self.append("reason", reason, to: &writer)
        if kind == .missed, let attempt {
            Self.append("setuptime", attempt.setupSeconds, to: &writer)
            Self.append("created", attempt.created, to: &writer)
        }
        for (name, value) in extra { Self.append(field: name, value, to: &writer) }
        for (index, leg) in legs.enumerated() {
            for (name, value) in leg {
                Self.append(field: name + "(leg" + ByteString(decimal: index + 1) + ")", value, to: &writer)
            }
        }
        return writer.finishText()
    }

    /// The parameters of an event; one list for each leg, or one without.
    var events: [[(name: String, value: Value)]] {
        var head: [(name: String, value: Value)] = [
            ("method", .string(method)), ("from_tag", .string(fromTag)), ("to_tag", .string(toTag)),
            ("callid", .string(callID)), ("sip_code", .string(code)), ("sip_reason", .string(reason)),
            ("time", .integer(timestamp)),
        ]
        head += extra.map { (name: $0.name.string, value: Value.string($0.value)) }
        let tail = tail
        guard !legs.isEmpty else { return [head + tail] }
        return legs.map { leg in head + leg.map { (name: $0.name.string, value: Value.string($0.value)) } + tail }
    }

    private var tail: [(name: String, value: Value)] {
        if let duration {
            return [
                ("duration", .integer(duration.seconds)), ("ms_duration", .integer(duration.milliseconds)),
                ("setuptime", .integer(duration.setupSeconds)), ("created", .integer(duration.created)),
            ]
        }
        guard let attempt else { return [] }
        return [("created", .integer(attempt.created)), ("setuptime", .integer(attempt.setupSeconds))]
    }

    private static func append(_ name: StaticString, _ number: Int, to writer: inout ByteWriter) {
        writer.append(ASCII.semicolon)
        writer.append(name)
        writer.append(ASCII.equal)
        writer.append(decimal: number)
    }

    private static func append(_ name: StaticString, _ value: ByteString, to writer: inout ByteWriter) {
        writer.append(ASCII.semicolon)
        writer.append(name)
        append(value, to: &writer)
    }

    private static func append(field name: ByteString, _ value: ByteString, to writer: inout ByteWriter) {
        writer.append(ASCII.semicolon)
        writer.append(name)
        append(value, to: &writer)
    }

    /// Line breaks in a value would forge lines of the log.
    private static func append(_ value: ByteString, to writer: inout ByteWriter) {
        writer.append(ASCII.equal)
        for byte in value.elements { writer.append(byte < 32 ? ASCII.space : byte) }
    }
}
