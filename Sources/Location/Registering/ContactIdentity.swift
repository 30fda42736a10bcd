package import Bytes
import SIPMessage

/// Whether two Contact URIs mean one contact.
package enum ContactIdentity {
    /// Equal bytes, or equal by the rules of RFC 3261 §19.1.4.
    package static func isSame(_ a: ByteString, _ b: ByteString) -> Bool {
        if a == b { return true }
        guard let left = SIPURI(a), let right = SIPURI(b) else { return false }
        return left.isEquivalent(to: right)
    }
}
