import Bytes

/// The digests that script transformations name. Pure; sized for user names and nonces, not for files.
///
/// Own code, not swift-crypto's: that has no SHA-224, and these few lines build in no time (docs/route-runtime.md).
package enum Digest {
    typealias Function = @Sendable ([UInt8]) -> [UInt8]

    @Sendable package static func md5(_ message: [UInt8]) -> [UInt8] {
        var state: [UInt32] = [0x6745_2301, 0xEFCD_AB89, 0x98BA_DCFE, 0x1032_5476]
        let shifts: [[UInt32]] = [[7, 12, 17, 22], [5, 9, 14, 20], [4, 11, 16, 23], [6, 10, 15, 21]]
        let bytes = padded(message, block: 64, isBigEndian: false)
        for start in stride(from: 0, to: bytes.count, by: 64) {
            let words = (0..<16).map { word32(bytes, start + 4 * $0).byteSwapped }
            var (a, b, c, d) = (state[0], state[1], state[2], state[3])
            for i in 0..<64 {
                let mix: UInt32
                let source: Int
                switch i / 16 {
                case 0: (mix, source) = ((b & c) | (~b & d), i)
                case 1: (mix, source) = ((d & b) | (~d & c), (5 * i + 1) % 16)
                case 2: (mix, source) = (b ^ c ^ d, (3 * i + 5) % 16)
                default: (mix, source) = (c ^ (b | ~d), 7 * i % 16)
                }
                let sum = a &+ mix &+ DigestConstants.sines[i] &+ words[source]
                let shift = shifts[i / 16][i % 4]
                (a, d, c, b) = (d, c, b, b &+ (sum << shift | sum >> (32 - shift)))
            }
            state = [state[0] &+ a, state[1] &+ b, state[2] &+ c, state[3] &+ d]
        }
        return state.flatMap { bigEndian($0.byteSwapped) }
    }

    @Sendable static func sha1(_ message: [UInt8]) -> [UInt8] {
        var state: [UInt32] = [0x6745_2301, 0xEFCD_AB89, 0x98BA_DCFE, 0x1032_5476, 0xC3D2_E1F0]
        let bytes = padded(message, block: 64, isBigEndian: true)
        for start in stride(from: 0, to: bytes.count, by: 64) {
            var words = (0..<16).map { word32(bytes, start + 4 * $0) }
            for i in 16..<80 { words.append(rotate(words[i - 3] ^ words[i - 8] ^ words[i - 14] ^ words[i - 16], 1)) }
            var (a, b, c, d, e) = (state[0], state[1], state[2], state[3], state[4])
            for i in 0..<80 {
                let (mix, constant): (UInt32, UInt32) =
                    switch i / 20 {
                    case 0: ((b & c) | (~b & d), 0x5A82_7999)
                    case 1: (b ^ c ^ d, 0x6ED9_EBA1)
                    case 2: ((b & c) | (b & d) | (c & d), 0x8F1B_BCDC)
                    default: (b ^ c ^ d, 0xCA62_C1D6)
                    }
                let next = rotate(a, 5) &+ mix &+ e &+ constant &+ words[i]
                (e, d, c, b, a) = (d, c, rotate(b, 30), a, next)
            }
            state = [state[0] &+ a, state[1] &+ b, state[2] &+ c, state[3] &+ d, state[4] &+ e]
        }
        return state.flatMap { bigEndian($0) }
    }

    @Sendable static func sha224(_ message: [UInt8]) -> [UInt8] {
        let initial = DigestConstants.roots[8...].map { UInt32(truncatingIfNeeded: $0) }
        return Array(sha32(message, initial).prefix(28))
    }

    @Sendable package static func sha256(_ message: [UInt8]) -> [UInt8] {
        sha32(message, DigestConstants.roots[..<8].map { UInt32(truncatingIfNeeded: $0 >> 32) })
    }

    @Sendable static func sha384(_ message: [UInt8]) -> [UInt8] {
        Array(sha64(message, Array(DigestConstants.roots[8...])).prefix(48))
    }

    @Sendable static func sha512(_ message: [UInt8]) -> [UInt8] {
        sha64(message, Array(DigestConstants.roots[..<8]))
    }

    /// SHA-512/256 (FIPS 180-4 §6.7), which RFC 8760 names for SIP: not the first half of SHA-512.
    @Sendable package static func sha512t256(_ message: [UInt8]) -> [UInt8] {
        Array(sha64(message, DigestConstants.sha512t256Start).prefix(32))
    }

    /// HMAC (RFC 2104). `block` is the digest's block size in bytes: 64, or 128 for SHA-384 and SHA-512.
    static func hmac(_ digest: Function, block: Int, key: [UInt8], _ message: [UInt8]) -> [UInt8] {
        var key = key.count > block ? digest(key) : key
        key += [UInt8](repeating: 0, count: block - key.count)
        return digest(key.map { $0 ^ 0x5C } + digest(key.map { $0 ^ 0x36 } + message))
    }

    /// CRC-32 as in Ethernet and zip (polynomial 0x04C11DB7, reflected).
    static func crc32(_ text: ByteString) -> UInt32 {
        var crc: UInt32 = 0xFFFF_FFFF
        for byte in text.elements {
            crc ^= UInt32(byte)
            for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ 0xEDB8_8320 : crc >> 1 }
        }
        return ~crc
    }

    // MARK: SHA-2

    private static func sha32(_ message: [UInt8], _ initial: [UInt32]) -> [UInt8] {
        var state = initial
        let bytes = padded(message, block: 64, isBigEndian: true)
        for start in stride(from: 0, to: bytes.count, by: 64) {
            var words = (0..<16).map { word32(bytes, start + 4 * $0) }
            for i in 16..<64 {
                let low = words[i - 15]
                let high = words[i - 2]
                let s0 = rotate(low, 25) ^ rotate(low, 14) ^ low >> 3
                let s1 = rotate(high, 15) ^ rotate(high, 13) ^ high >> 10
                words.append(words[i - 16] &+ s0 &+ words[i - 7] &+ s1)
            }
            var v = state
            for i in 0..<64 {
                let s1 = rotate(v[4], 26) ^ rotate(v[4], 21) ^ rotate(v[4], 7)
                let choice = (v[4] & v[5]) ^ (~v[4] & v[6])
                let constant = UInt32(truncatingIfNeeded: DigestConstants.rounds[i] >> 32)
                let first = v[7] &+ s1 &+ choice &+ constant &+ words[i]
                let s0 = rotate(v[0], 30) ^ rotate(v[0], 19) ^ rotate(v[0], 10)
                let majority = (v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2])
                v = [first &+ s0 &+ majority, v[0], v[1], v[2], v[3] &+ first, v[4], v[5], v[6]]
            }
            for i in 0..<8 { state[i] &+= v[i] }
        }
        return state.flatMap { bigEndian($0) }
    }

    private static func sha64(_ message: [UInt8], _ initial: [UInt64]) -> [UInt8] {
        var state = initial
        let bytes = padded(message, block: 128, isBigEndian: true)
        for start in stride(from: 0, to: bytes.count, by: 128) {
            var words = (0..<16).map { word64(bytes, start + 8 * $0) }
            for i in 16..<80 {
                let low = words[i - 15]
                let high = words[i - 2]
                let s0 = rotate(low, 63) ^ rotate(low, 56) ^ low >> 7
                let s1 = rotate(high, 45) ^ rotate(high, 3) ^ high >> 6
                words.append(words[i - 16] &+ s0 &+ words[i - 7] &+ s1)
            }
            var v = state
            for i in 0..<80 {
                let s1 = rotate(v[4], 50) ^ rotate(v[4], 46) ^ rotate(v[4], 23)
                let choice = (v[4] & v[5]) ^ (~v[4] & v[6])
                let first = v[7] &+ s1 &+ choice &+ DigestConstants.rounds[i] &+ words[i]
                let s0 = rotate(v[0], 36) ^ rotate(v[0], 30) ^ rotate(v[0], 25)
                let majority = (v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2])
                v = [first &+ s0 &+ majority, v[0], v[1], v[2], v[3] &+ first, v[4], v[5], v[6]]
            }
            for i in 0..<8 { state[i] &+= v[i] }
        }
        return state.flatMap { bigEndian($0) }
    }

    // MARK: Words

    /// The message, a one bit, zeros, and its length in bits, up to a whole block.
    private static func padded(_ message: [UInt8], block: Int, isBigEndian: Bool) -> [UInt8] {
        let lengthBytes = block / 8
        var bytes = message + [0x80]
        while bytes.count % block != block - lengthBytes { bytes.append(0) }
        let length = bigEndian(UInt64(message.count) * 8)
        if isBigEndian {
            return bytes + [UInt8](repeating: 0, count: lengthBytes - 8) + length
        }
        return bytes + length.reversed()
    }

    private static func rotate<Word: FixedWidthInteger>(_ word: Word, _ left: Int) -> Word {
        word << left | word >> (Word.bitWidth - left)
    }

    private static func word32(_ bytes: [UInt8], _ at: Int) -> UInt32 {
        bytes[at..<at + 4].reduce(0) { $0 << 8 | UInt32($1) }
    }

    private static func word64(_ bytes: [UInt8], _ at: Int) -> UInt64 {
        bytes[at..<at + 8].reduce(0) { $0 << 8 | UInt64($1) }
    }

    private static func bigEndian<Word: FixedWidthInteger>(_ word: Word) -> [UInt8] {
        (0..<Word.bitWidth / 8).map { UInt8(truncatingIfNeeded: word >> (Word.bitWidth - 8 - 8 * $0)) }
    }
}
