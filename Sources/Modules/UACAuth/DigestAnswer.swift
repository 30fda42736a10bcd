package import Bytes
import SIPMessage

/// The answer to a challenge: the value of an `Authorization` or `Proxy-Authorization` (RFC 7616 §3.4). Pure.
package struct DigestAnswer: Sendable {
    package let challenge: DigestChallenge
    package let credential: UACCredential
    /// Chosen by the client for this answer. Sent only where the challenge names a quality of protection or the algorithm is
    /// one of sessions.
    package let clientNonce: ByteString
    /// How many requests with this nonce were answered, this one counted: 1 for the first.
    package let nonceCount: UInt32

    package init(
        _ challenge: DigestChallenge, with credential: UACCredential, clientNonce: ByteString, nonceCount: UInt32 = 1
    ) {
        self.challenge = challenge
        self.credential = credential
        self.clientNonce = clientNonce
        self.nonceCount = nonceCount
    }

    /// `response`: what proves the secret, for a request with this method, URI and body.
    package func response(method: ByteString, uri: ByteString, body: ByteString = .empty) -> ByteString {
        let algorithm = challenge.algorithm
        let first = secret
        let second =
            challenge.protection == .requestAndBody
            ? algorithm.hash(method, uri, algorithm.hash(body)) : algorithm.hash(method, uri)
        guard challenge.protection != .none else { return algorithm.hash(first, challenge.nonce, second) }
        return algorithm.hash(first, challenge.nonce, countText, clientNonce, protectionText, second)
    }

    /// The header field's value.
    package func value(method: ByteString, uri: ByteString, body: ByteString = .empty) -> ByteString {
        var writer = ByteWriter(reserving: 320)
        func append(_ name: StaticString, _ value: ByteString) {
            writer.append(name)
            writer.append(value)
        }
        append("Digest username=", credential.user.quoted())
        append(", realm=", challenge.realm.quoted())
        append(", nonce=", challenge.nonce.quoted())
        append(", uri=", uri.quoted())
        append(", response=", response(method: method, uri: uri, body: body).quoted())
        if challenge.namesAlgorithm {
            writer.append(", algorithm=")
            writer.append(challenge.algorithm.name)
        }
        let hasProtection = challenge.protection != .none
        if hasProtection || challenge.algorithm.isSession { append(", cnonce=", clientNonce.quoted()) }
        if let opaque = challenge.opaque { append(", opaque=", opaque.quoted()) }
        if hasProtection {
            append(", qop=", protectionText)
            append(", nc=", countText)
        }
        return writer.finishText()
    }

    /// H(A1) (RFC 7616 §3.4.2).
    private var secret: ByteString {
        let algorithm = challenge.algorithm
        let base = credential.hash(algorithm) ?? algorithm.hash(credential.user, challenge.realm, credential.password)
        return algorithm.isSession ? algorithm.hash(base, challenge.nonce, clientNonce) : base
    }

    private var protectionText: ByteString { challenge.protection == .requestAndBody ? "auth-int" : "auth" }

    private var countText: ByteString {
        var writer = ByteWriter(reserving: 8)
        writer.append(hex: UInt64(nonceCount), digits: 8)
        return writer.finishText()
    }
}
