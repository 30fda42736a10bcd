package import Bytes
import RouteRuntime

/// A digest algorithm of RFC 7616 and RFC 8760.
package enum DigestAlgorithm: CaseIterable, Sendable {
    case md5, md5Session, sha256, sha256Session, sha512t256, sha512t256Session

    /// As challenges name it.
    package var name: StaticString {
        switch self {
        case .md5: "MD5"
        case .md5Session: "MD5-sess"
        case .sha256: "SHA-256"
        case .sha256Session: "SHA-256-sess"
        case .sha512t256: "SHA-512-256"
        case .sha512t256Session: "SHA-512-256-sess"
        }
    }

    /// The algorithm of that name, in any case; nil for one that is not known here.
    package init?(_ name: ByteString) {
        guard let found = Self.allCases.first(where: { name.equalsIgnoringCase($0.name) }) else { return nil }
        self = found
    }

    /// Whether the secret is bound to the nonces of the first challenge (RFC 7616 §3.4.2).
    package var isSession: Bool {
        switch self {
        case .md5, .sha256, .sha512t256: false
        case .md5Session, .sha256Session, .sha512t256Session: true
        }
    }

    /// Digits of a digest in hex.
    package var hexDigits: Int {
        switch self {
        case .md5, .md5Session: 32
        case .sha256, .sha256Session, .sha512t256, .sha512t256Session: 64
        }
    }

    /// The digest of `parts` with colons between them, in lower-case hex.
    func hash(_ parts: ByteString...) -> ByteString {
        var writer = ByteWriter(reserving: parts.reduce(parts.count) { $0 + $1.count })
        for (index, part) in parts.enumerated() {
            if index > 0 { writer.append(ASCII.colon) }
            writer.append(part)
        }
        let bytes = writer.finish()
        let digest: [UInt8] =
            switch self {
            case .md5, .md5Session: Digest.md5(bytes)
            case .sha256, .sha256Session: Digest.sha256(bytes)
            case .sha512t256, .sha512t256Session: Digest.sha512t256(bytes)
            }
        var hex = ByteWriter(reserving: 2 * digest.count)
        for byte in digest { hex.append(hex: UInt64(byte), digits: 2) }
        return hex.finishText()
    }
}
