import Bytes
import RouteRuntime
import SIPMessage

/// What `setvars` tells a program of the message, as `NAME=value`.
enum ExecVariables {
    static func of(_ context: MessageContext) -> [String] {
        let message = context.message
        var values: [(String, ByteString)] = [
            ("SIP_TID", message.topVia?.branch ?? .empty), ("SIP_DID", message.toTag ?? .empty),
            ("SIP_SRCIP", context.sourceText),
        ]
        if message.isRequest {
            values += [
                ("SIP_ORURI", message.requestURI), ("SIP_RURI", context.requestURI),
                ("SIP_USER", SIPURI(context.requestURI)?.user ?? .empty),
                ("SIP_OUSER", SIPURI(message.requestURI)?.user ?? .empty),
            ]
        }
        var headers: [(name: String, value: String)] = []
        for field in message.headers {
            let name = variableName(message, field)
            let value = message.unfoldedValue(of: field).string
            if let known = headers.firstIndex(where: { $0.name == name }) {
                headers[known].value += "," + value
            } else {
                headers.append((name, value))
            }
        }
        return values.map { "\($0.0)=\($0.1)" } + headers.map { "SIP_HF_\($0.name)=\($0.value)" }
    }

    /// The field's full name in capitals; a shell takes no hyphens in names.
    private static func variableName(_ message: Message, _ field: HeaderField) -> String {
        let written = message.text(field.name)
        let name = field.id == .other ? written.string : "\(field.id.name)"
        return String(name.uppercased().map { $0.isLetter || $0.isNumber ? $0 : "_" })
    }
}
