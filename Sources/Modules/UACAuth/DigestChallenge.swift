package import Bytes
package import SIPMessage

/// What a server asks for in a `WWW-Authenticate` or `Proxy-Authenticate` value (RFC 7616 §3.3).
package struct DigestChallenge: Sendable {
    /// How much of the request the answer protects.
    package enum Protection: Sendable {
        /// As in RFC 2069: no counting of nonces.
        case none
        /// `auth`
        case request
        /// `auth-int`
        case requestAndBody
    }

    package let realm: ByteString
    package let nonce: ByteString
    package let opaque: ByteString?
    package let algorithm: DigestAlgorithm
    /// Whether the challenge named its algorithm: the answer names it then too.
    package let namesAlgorithm: Bool
    /// `auth` where the server offers both.
    package let protection: Protection
    /// The nonce was too old; the secret was right.
    package let isStale: Bool

    /// Decodes one value. nil: not Digest, without realm or nonce, or asking for what is not known here.
    package init?(_ value: ByteString) {
        guard let credentials = Credentials(value), credentials.scheme.equalsIgnoringCase("Digest"),
            let realm = credentials.value("realm"), let nonce = credentials.value("nonce"), !nonce.isEmpty
        else { return nil }
        let name = credentials.value("algorithm")
        guard let algorithm = name.map({ DigestAlgorithm($0) }) ?? .md5 else { return nil }
        self.realm = realm
        self.nonce = nonce
        self.algorithm = algorithm
        namesAlgorithm = name != nil
        opaque = credentials.value("opaque")
        isStale = credentials.value("stale")?.equalsIgnoringCase("true") ?? false
        guard let offered = credentials.value("qop"), !offered.trimmed().isEmpty else {
            protection = .none
            return
        }
        let options = offered.split(at: ASCII.comma).map { $0.trimmed() }
        if options.contains(where: { $0.equalsIgnoringCase("auth") }) {
            protection = .request
        } else if options.contains(where: { $0.equalsIgnoringCase("auth-int") }) {
            protection = .requestAndBody
        } else {
            return nil
        }
    }

    /// The challenges of a 401 or 407, one for each realm: of those that a realm offers the topmost that `algorithms` allows
    /// (RFC 8760 §2.4).
    package static func challenges(
        in reply: Message, allowing algorithms: [DigestAlgorithm] = DigestAlgorithm.allCases
    ) -> [(challenge: DigestChallenge, isProxy: Bool)] {
        var found: [(challenge: DigestChallenge, isProxy: Bool)] = []
        for (id, isProxy) in [(HeaderID.wwwAuthenticate, false), (.proxyAuthenticate, true)] {
            for field in reply.all(id) {
                guard let challenge = DigestChallenge(reply.text(field.value)),
                    algorithms.contains(challenge.algorithm),
                    !found.contains(where: { $0.isProxy == isProxy && $0.challenge.realm == challenge.realm })
                else { continue }
                found.append((challenge, isProxy))
            }
        }
        return found
    }
}
