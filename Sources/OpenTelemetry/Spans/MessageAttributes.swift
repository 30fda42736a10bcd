import Bytes
import Reactor
import SIPMessage

/// The attributes of a SIP message, by the names of OpenTelemetry's stable conventions where there are such, and those that
/// the peer documents for SIP.
enum MessageAttributes {
    static func make(_ message: NotedMessage, _ redaction: Redaction) -> [Attribute] {
        var attributes: [Attribute] = []
        attributes.reserveCapacity(20)
        func add(_ key: String, _ text: String?) {
            if let text, !text.isEmpty { attributes.append(Attribute(key, .string(text))) }
        }
        attributes.append(Attribute("network.protocol.name", "sip"))
        attributes.append(Attribute("network.protocol.version", "2.0"))
        add("network.transport", message.transport)
        if let peer = message.peer {
            add("network.peer.address", peer.host)
            attributes.append(Attribute("network.peer.port", .int(Int64(peer.port))))
        }
        if let local = message.local {
            add("network.local.address", local.host)
            attributes.append(Attribute("network.local.port", .int(Int64(local.port))))
        }
        attributes.append(Attribute("sip.message.type", message.status == nil ? "request" : "response"))
        add("sip.request.method", message.method)
        if let status = message.status {
            attributes.append(Attribute("sip.response.status_code", .int(Int64(status))))
            add("sip.response.reason", message.reason)
        }
        if message.status == nil, let uri = message.uri { addURI(uri, redaction, &attributes) }
        add("sip.call_id", String(decoding: message.callID, as: UTF8.self))
        add("sip.cseq", message.cseq)
        add("user_agent.original", message.userAgent)
        return attributes
    }

    private static func addURI(_ uri: ByteString, _ redaction: Redaction, _ attributes: inout [Attribute]) {
        let text = redaction.apply(toURI: uri.string, isCut: uri.count == MessageNote.fieldBytesMax)
        attributes.append(Attribute("sip.request.uri", .string(text)))
        attributes.append(Attribute("url.full", .string(text)))
        guard let colon = uri.first(of: ASCII.colon) else { return }
        attributes.append(Attribute("url.scheme", .string(uri.prefix(colon).string.lowercased())))
        guard let parsed = SIPURI(uri), parsed.scheme != .tel, !parsed.host.isEmpty else { return }
        attributes.append(Attribute("server.address", .string(parsed.host.withoutBrackets.string)))
        if let port = parsed.port { attributes.append(Attribute("server.port", .int(Int64(port)))) }
    }
}

/// Log levels as severities.
enum LogSeverity {
    static func name(_ level: Int) -> String {
        switch level {
        case ...(-3): "ALERT"
        case -2: "CRITICAL"
        case -1: "ERROR"
        case 0, 1: "WARNING"
        case 2: "NOTICE"
        case 3: "INFO"
        default: "DEBUG"
        }
    }
}
