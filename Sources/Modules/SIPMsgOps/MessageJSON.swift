import Bytes
import RouteRuntime
import SIPMessage

/// `sip_to_json()`: first line, headers and body as one JSON object. A header that stands more than once has an array.
enum MessageJSON {
    static func text(of context: MessageContext) -> ByteString {
        let message = context.message
        var writer = ByteWriter(reserving: message.buffer.count * 2)
        writer.append("{\"first_line\":")
        append(message.text(message.startLine.line).trimmed(), to: &writer)
        writer.append(",\"headers\":{")
        var done: [ByteString] = []
        for field in message.headers {
            let name = message.text(field.name)
            guard !done.contains(where: { $0.equalsIgnoringCase(name) }) else { continue }
            if !done.isEmpty { writer.append(ASCII.comma) }
            done.append(name)
            append(name, to: &writer)
            writer.append(ASCII.colon)
            let values = message.headers.filter { message.text($0.name).equalsIgnoringCase(name) }
            if values.count > 1 { writer.append(ASCII.openBracket) }
            for (index, value) in values.enumerated() {
                if index > 0 { writer.append(ASCII.comma) }
                append(message.unfoldedValue(of: value), to: &writer)
            }
            if values.count > 1 { writer.append(ASCII.closeBracket) }
        }
        writer.append("},\"body\":")
        append(context.currentBody, to: &writer)
        writer.append("}")
        return writer.finishText()
    }

    /// A JSON string. Bytes that are no UTF-8 become U+FFFD.
    private static func append(_ text: ByteString, to writer: inout ByteWriter) {
        writer.append(ASCII.quote)
        for byte in text.string.utf8 {
            switch byte {
            case ASCII.quote: writer.append("\\\"")
            case ASCII.backslash: writer.append("\\\\")
            case ASCII.carriageReturn: writer.append("\\r")
            case ASCII.lineFeed: writer.append("\\n")
            case ASCII.tab: writer.append("\\t")
            case 0..<32:
                writer.append("\\u")
                writer.append(hex: UInt64(byte), digits: 4)
            default: writer.append(byte)
            }
        }
        writer.append(ASCII.quote)
    }
}
