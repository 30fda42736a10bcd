import Bytes
import RouteLanguage
import RouteRuntime
import SIPMessage

/// Functions about parameters and form of the request URI.
enum RequestURIFunctions {
    static let all: [String: HostFunction] = [
        "ruri_has_param": { call in
            guard let name = call.string(0), let uri = SIPURI(call.context.requestURI),
                let value = uri.parameters.value(name)
            else { return .no }
            return Outcome(
                call.isPresent(1) ? call.string(1).map { value.equalsIgnoringCase($0) } ?? false : value.isEmpty)
        },
        "ruri_add_param": { call in
            let context = call.context
            guard let parameter = call.string(0), let uri = SIPURI(context.requestURI) else { return .no }
            let end = Int(uri.parametersRange.upper - uri.range.lower)
            let changed = uri.text.replacing([(end..<end, ";" + parameter)])
            guard SIPURI(changed) != nil else { return .no }
            context.requestURI = changed
            return .yes
        },
        "ruri_del_param": { call in
            let context = call.context
            guard let name = call.string(0), let uri = SIPURI(context.requestURI),
                let parameter = uri.parameters.first(name)
            else { return .no }
            let lower = Int(parameter.name.lower - uri.range.lower)
            let upper = Int(parameter.whole.upper - uri.range.lower)
            context.requestURI = uri.text.replacing([(max(0, lower - 1)..<upper, .empty)])
            return .yes
        },
        "ruri_tel2sip": { call in
            let context = call.context
            guard let uri = SIPURI(context.requestURI) else { return .no }
            guard uri.scheme == .tel else { return .yes }
            guard let host = context.message.from?.uri?.host, !host.isEmpty else { return .no }
            // RFC 3261 §19.1.6: visual separators go, parameters become part of the user.
            var writer = ByteWriter(reserving: uri.text.count + host.count + 16)
            writer.append("sip:")
            for byte in uri.user.elements
            where ASCII.isHexDigit(byte) || byte == UInt8(ascii: "+") || byte == ASCII.asterisk
                || byte == UInt8(ascii: "#")
            {
                if byte == UInt8(ascii: "#") { writer.append("%23") } else { writer.append(byte) }
            }
            writer.append(uri.parameters.text)
            writer.append(ASCII.at)
            writer.append(host)
            writer.append(";user=phone")
            context.requestURI = writer.finishText()
            return .yes
        },
        "is_uri_user_e164": { call in
            guard let user = call.string(0).flatMap({ SIPURI($0) })?.user else { return .no }
            // A plus and 2 to 15 digits (ITU-T E.164).
            return Outcome(
                user.first == UInt8(ascii: "+") && (3...16).contains(user.count)
                    && user.dropFirst(1).elements.allSatisfy(ASCII.isDigit))
        },
    ]
}
