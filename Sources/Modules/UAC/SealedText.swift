import Bytes
import RouteRuntime

/// Bytes that only who knows a password can read or make: eight random bytes, the text, eight bytes of proof.
///
/// The stream is SHA-256 of password, random bytes and a counter; the proof is SHA-256 of password, random bytes and text. It
/// keeps names out of sight of those whom a request passes; it is not for secrets that are worth an attack.
enum SealedText {
    private static let saltBytes = 8
    private static let proofBytes = 8

    static func seal(_ text: [UInt8], password: ByteString) -> [UInt8] {
        let salt = (0..<saltBytes).map { _ in UInt8.random(in: .min ... .max) }
        return salt + crypt(text, password, salt) + proof(text, password, salt)
    }

    /// nil: made with another password, or changed on the way.
    static func open(_ sealed: [UInt8], password: ByteString) -> [UInt8]? {
        guard sealed.count > saltBytes + proofBytes else { return nil }
        let salt = Array(sealed.prefix(saltBytes))
        let text = crypt(Array(sealed[saltBytes..<(sealed.count - proofBytes)]), password, salt)
        var difference: UInt8 = 0
        for (left, right) in zip(sealed.suffix(proofBytes), proof(text, password, salt)) { difference |= left ^ right }
        return difference == 0 ? text : nil
    }

    private static func proof(_ text: [UInt8], _ password: ByteString, _ salt: [UInt8]) -> [UInt8] {
        Array(Digest.sha256([1] + password.bytes + salt + text).prefix(proofBytes))
    }

    private static func crypt(_ text: [UInt8], _ password: ByteString, _ salt: [UInt8]) -> [UInt8] {
        var out: [UInt8] = []
        out.reserveCapacity(text.count)
        var counter: UInt8 = 0
        var block: [UInt8] = []
        for (index, byte) in text.enumerated() {
            if index % 32 == 0 {
                block = Digest.sha256([0, counter] + password.bytes + salt)
                counter &+= 1
            }
            out.append(byte ^ block[index % 32])
        }
        return out
    }
}
