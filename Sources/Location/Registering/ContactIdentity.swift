package import Bytes
import SIPMessage

/// Whether two Contact URIs mean one contact.
package enum ContactIdentity {
    /// Parameters that count even when only one of the URIs has them (RFC 3261 §19.1.4).
    private static let weighty: [StaticString] = ["transport", "user", "ttl", "method", "maddr"]

    /// Equal bytes, or equal by the rules of RFC 3261 §19.1.4. Escapes are compared as written, headers not at all.
    package static func isSame(_ a: ByteString, _ b: ByteString) -> Bool {
        if a == b { return true }
        guard let left = SIPURI(a), let right = SIPURI(b) else { return false }
        guard left.scheme == right.scheme, left.user == right.user, left.password == right.password,
            left.host.equalsIgnoringCase(right.host), left.port == right.port, left.scheme != .other
        else { return false }
        for name in weighty where left.parameters.contains(name) != right.parameters.contains(name) { return false }
        for parameter in left.parameters {
            let name = left.parameters.name(of: parameter)
            guard let other = right.parameters.value(name) else { continue }
            if !other.equalsIgnoringCase(left.parameters.value(of: parameter)) { return false }
        }
        return true
    }
}
