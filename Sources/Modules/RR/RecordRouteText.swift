import Bytes
import RouteRuntime

/// Builds the Record-Route header of a request that goes out (RFC 3261 §16.6 step 4).
struct RecordRouteText {
    let appendsFromTag: Bool
    let usesTwoHeaders: Bool
    let addsUser: Bool

    /// One or two header lines: two when the request leaves by another listener than it came in by.
    func lines(
        state: RouteState, fromTag: ByteString?, user: ByteString, inbound: ScriptSocket?, outbound: ScriptSocket
    ) -> ByteString {
        var writer = ByteWriter(reserving: 192)
        let parameters = state.parameters
        let tag = appendsFromTag ? fromTag : nil
        if let preset = state.preset {
            let isDouble = preset.inbound != nil
            appendPreset(preset.outbound, tag, parameters, isDouble, to: &writer)
            if let second = preset.inbound { appendPreset(second, tag, parameters, isDouble, to: &writer) }
            return writer.finishText()
        }
        let isDouble = usesTwoHeaders && inbound != nil && inbound != outbound
        append(outbound, user, tag, parameters, isDouble, to: &writer)
        if isDouble, let inbound { append(inbound, user, tag, parameters, true, to: &writer) }
        return writer.finishText()
    }

    private func append(
        _ socket: ScriptSocket, _ user: ByteString, _ tag: ByteString?, _ parameters: ByteString, _ isDouble: Bool,
        to writer: inout ByteWriter
    ) {
        writer.append("Record-Route: <sip:")
        if addsUser, !user.isEmpty {
            writer.append(user)
            writer.append(ASCII.at)
        }
        let host = socket.advertisedAddress ?? socket.address
        let needsBrackets = host.contains(ASCII.colon) && host.first != ASCII.openBracket
        if needsBrackets { writer.append(ASCII.openBracket) }
        writer.append(host)
        if needsBrackets { writer.append(ASCII.closeBracket) }
        writer.append(ASCII.colon)
        writer.append(decimal: socket.advertisedPort ?? socket.port)
        if socket.transport != "udp" {
            writer.append(";transport=")
            writer.append(socket.transport)
        }
        finish(tag, parameters, isDouble, to: &writer)
    }

    private func appendPreset(
        _ address: ByteString, _ tag: ByteString?, _ parameters: ByteString, _ isDouble: Bool,
        to writer: inout ByteWriter
    ) {
        writer.append("Record-Route: <")
        if !address.hasPrefixIgnoringCase("sip:") && !address.hasPrefixIgnoringCase("sips:") { writer.append("sip:") }
        writer.append(address)
        finish(tag, parameters, isDouble, to: &writer)
    }

    private func finish(
        _ tag: ByteString?, _ parameters: ByteString, _ isDouble: Bool, to writer: inout ByteWriter
    ) {
        if isDouble { writer.append(";r2=on") }
        writer.append(";lr")
        if let tag {
            writer.append(";ftag=")
            writer.append(tag)
        }
        writer.append(parameters)
        writer.append(">\r\n")
    }
}
