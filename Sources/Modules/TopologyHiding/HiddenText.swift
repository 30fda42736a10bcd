import Bytes
import RouteRuntime

/// Text that only this server, or one with the same password, reads: for Call-IDs and Contact parameters.
///
/// ```
/// tag (8 bytes: keyed hash of the text) · text xor a stream of keyed hashes of tag and block number
/// ```
/// The same text gives the same result, so that repetitions are the same; what was changed on the way is refused.
struct HiddenText: Sendable {
    enum Alphabet: Sendable { case base64, base32 }

    private static let tagCount = 8
    private let key: [UInt8]
    let alphabet: Alphabet

    init(password: ByteString, alphabet: Alphabet = .base64) {
        key = Digest.sha256(password.bytes)
        self.alphabet = alphabet
    }

    func hide(_ text: ByteString) -> ByteString {
        let tag = Array(Digest.sha256(key + text.bytes + key).prefix(Self.tagCount))
        return encode(tag + stream(over: text.elements, tag))
    }

    /// nil: not made by `hide` with this password.
    func reveal(_ hidden: ByteString) -> ByteString? {
        guard let bytes = decode(hidden), bytes.count >= Self.tagCount else { return nil }
        let tag = Array(bytes.prefix(Self.tagCount))
        let text = stream(over: bytes.dropFirst(Self.tagCount), tag)
        guard Array(Digest.sha256(key + text + key).prefix(Self.tagCount)) == tag else { return nil }
        return ByteString(text)
    }

    private func stream(over text: ArraySlice<UInt8>, _ tag: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(text.count)
        var block: [UInt8] = []
        for (index, byte) in text.enumerated() {
            if index % 32 == 0 {
                let number = index / 32
                block = Digest.sha256(key + tag + [UInt8(number >> 8 & 0xFF), UInt8(number & 0xFF)])
            }
            result.append(byte ^ block[index % 32])
        }
        return result
    }

    // MARK: letters that a URI parameter and a Call-ID may have

    private static let base64 = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)
    private static let base32 = Array("abcdefghijklmnopqrstuvwxyz234567".utf8)

    private var letters: [UInt8] { alphabet == .base64 ? Self.base64 : Self.base32 }
    private var bits: Int { alphabet == .base64 ? 6 : 5 }

    private func encode(_ bytes: [UInt8]) -> ByteString {
        var writer = ByteWriter(reserving: bytes.count * 8 / bits + 2)
        let letters = letters
        var held = 0
        var count = 0
        for byte in bytes {
            held = held << 8 | Int(byte)
            count += 8
            while count >= bits {
                count -= bits
                writer.append(letters[held >> count & (letters.count - 1)])
            }
            held &= (1 << count) - 1
        }
        if count > 0 { writer.append(letters[held << (bits - count) & (letters.count - 1)]) }
        return writer.finishText()
    }

    private func decode(_ text: ByteString) -> [UInt8]? {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count)
        let letters = letters
        var held = 0
        var count = 0
        for byte in text.elements {
            let letter = alphabet == .base32 ? ASCII.lowercased(byte) : byte
            guard let value = letters.firstIndex(of: letter) else { return nil }
            held = held << bits | value
            count += bits
            if count >= 8 {
                count -= 8
                bytes.append(UInt8(truncatingIfNeeded: held >> count))
                held &= (1 << count) - 1
            }
        }
        return bytes
    }
}
