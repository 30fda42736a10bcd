package import Bytes
import SIPMessage

/// Changes to parts of a SIP URI. Each gives the whole URI anew; nil when the text is no SIP URI.
package enum URIEditing {
    /// The parts of a URI around its user and host.
    private struct Parts {
        var scheme: ByteString
        var user: ByteString
        var password: ByteString
        var host: ByteString
        var port: ByteString
        /// `;…?…` as it stood.
        var rest: ByteString

        init?(_ text: ByteString) {
            guard let uri = SIPURI(text), uri.scheme == .sip || uri.scheme == .sips else { return nil }
            scheme = uri.schemeText
            user = uri.user
            password = uri.password
            host = uri.host
            port = uri.port.map { ByteString(decimal: Int($0)) } ?? .empty
            let restStart = uri.parametersRange.start - text.range.start
            rest = text.dropFirst(restStart)
        }

        var text: ByteString {
            var writer = ByteWriter(reserving: 64)
            writer.append(scheme)
            writer.append(ASCII.colon)
            if !user.isEmpty {
                writer.append(user)
                if !password.isEmpty {
                    writer.append(ASCII.colon)
                    writer.append(password)
                }
                writer.append(ASCII.at)
            }
            writer.append(host)
            if !port.isEmpty {
                writer.append(ASCII.colon)
                writer.append(port)
            }
            writer.append(rest)
            return writer.finishText()
        }
    }

    private static func edited(_ uri: ByteString, _ change: (inout Parts) -> Void) -> ByteString? {
        guard var parts = Parts(uri) else { return nil }
        change(&parts)
        let text = parts.text
        return SIPURI(text) == nil ? nil : text
    }

    /// nil or empty removes the user.
    package static func setUser(_ user: ByteString?, in uri: ByteString) -> ByteString? {
        edited(uri) { $0.user = user ?? .empty }
    }

    /// `name:password`
    package static func setUserAndPassword(_ text: ByteString, in uri: ByteString) -> ByteString? {
        edited(uri) { parts in
            if let colon = text.first(of: ASCII.colon) {
                parts.user = text.prefix(colon)
                parts.password = text.dropFirst(colon + 1)
            } else {
                parts.user = text
                parts.password = .empty
            }
        }
    }

    package static func setHost(_ host: ByteString, in uri: ByteString) -> ByteString? {
        edited(uri) { $0.host = bracketed(host) }
    }

    /// `host` or `host:port`; without a port the URI's port goes.
    package static func setHostAndPort(_ text: ByteString, in uri: ByteString) -> ByteString? {
        edited(uri) { parts in
            let isIPv6 = text.first == ASCII.openBracket || text.split(at: ASCII.colon).count > 2
            let close = text.first(of: ASCII.closeBracket) ?? (isIPv6 ? text.count : 0)
            if let colon = text.first(of: ASCII.colon, from: close) {
                parts.host = text.prefix(colon)
                parts.port = text.dropFirst(colon + 1)
            } else {
                parts.host = bracketed(text)
                parts.port = .empty
            }
        }
    }

    /// nil or empty removes the port.
    package static func setPort(_ port: ByteString?, in uri: ByteString) -> ByteString? {
        edited(uri) { $0.port = port ?? .empty }
    }

    /// Puts an IPv6 address into brackets.
    package static func bracketed(_ host: ByteString) -> ByteString {
        guard host.contains(ASCII.colon), host.first != ASCII.openBracket else { return host }
        return "[" + host + "]"
    }
}
