package import Bytes
import SIPMessage

/// A Contact URI, read once, to be compared with others.
package struct ContactIdentity {
    let text: ByteString
    /// Nil when the text is no URI: then it is the same as its own bytes only.
    let uri: SIPURI?

    package init(_ text: ByteString) {
        self.text = text
        uri = SIPURI(text)
    }

    /// Whether both mean one contact: equal bytes, or equal by the rules of RFC 3261 §19.1.4.
    package func isSame(as other: ContactIdentity) -> Bool {
        if text == other.text { return true }
        guard let uri, let others = other.uri else { return false }
        return uri.isEquivalent(to: others)
    }

    /// The same for all URIs that are equivalent, and for few others: what scheme, user, host and port say.
    var key: UInt64 {
        guard let uri else { return text.stableHash() }
        let seed = UInt64(uri.scheme.rawValue)
        switch uri.scheme {
        case .other: return text.hashIgnoringCase(seed: seed)
        case .tel: return uri.user.withoutVisualSeparators().hashIgnoringCase(seed: seed)
        case .sip, .sips:
            let user = uri.user.percentDecoded().stableHash(seed: seed | UInt64(uri.port ?? 0) << 8)
            return uri.host.hashIgnoringCase(seed: user)
        }
    }

    /// Whether two Contact URIs mean one contact.
    package static func isSame(_ a: ByteString, _ b: ByteString) -> Bool {
        a == b || ContactIdentity(a).isSame(as: ContactIdentity(b))
    }
}
