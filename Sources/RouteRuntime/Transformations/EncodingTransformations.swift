import Bytes

/// `{s.…}`: digests, escapes and encodings.
enum EncodingTransformations {
    static let all: [TransformationDefinition] =
        digests + [
            .text("s", "crc32") { text, _ in .string(ByteString(decimal: Int(Digest.crc32(text)))) },
            .text("s", "encode.hexa") { text, _ in .string(hexadecimal(text.elements)) },
            .text("s", "decode.hexa") { text, _ in Value(decodeHexadecimal(text)) },
            .text("s", "escape.common") { text, _ in .string(escapeCommon(text)) },
            .text("s", "unescape.common") { text, _ in .string(unescapeCommon(text)) },
            .text("s", "escape.user") { text, _ in .string(escape(text, keeping: userCharacters)) },
            .text("s", "unescape.user") { text, _ in Value(unescape(text)) },
            .text("s", "escape.param") { text, _ in .string(escape(text, keeping: parameterCharacters)) },
            .text("s", "unescape.param") { text, _ in Value(unescape(text)) },
            .text("s", "dec2hex") { text, _ in
                text.decimal().map { .string(ByteString(String(UInt64(bitPattern: Int64($0)), radix: 16))) } ?? .null
            },
            .text("s", "hex2dec") { text, _ in
                let digits = text.hasPrefixIgnoringCase("0x") ? text.dropFirst(2) : text
                return digits.hexadecimal().flatMap { Int(exactly: $0) }.map { .decimal($0) } ?? .null
            },
            .text("s", "b64encode") { text, _ in .string(Base64.encode(text)) },
            .text("s", "b64decode") { text, _ in Value(Base64.decode(text)) },
            .text("s", "xor", arguments: 1...1) { text, call in
                guard let secret = call.string(0), !secret.isEmpty else { return .null }
                return .string(ByteString(text.indices.map { text[$0] ^ secret[$0 % secret.count] }))
            },
        ]

    private static let digests: [TransformationDefinition] = {
        let functions: [(name: String, block: Int, digest: Digest.Function)] = [
            ("sha1", 64, Digest.sha1), ("sha224", 64, Digest.sha224), ("sha256", 64, Digest.sha256),
            ("sha384", 128, Digest.sha384), ("sha512", 128, Digest.sha512),
        ]
        let plain = ([("md5", 64, Digest.md5)] + functions).map { name, _, digest in
            TransformationDefinition.text("s", name) { text, _ in .string(hexadecimal(digest(text.bytes)[...])) }
        }
        let keyed = functions.map { name, block, digest in
            TransformationDefinition.text("s", name + "_hmac", arguments: 1...1) { text, call in
                guard let key = call.string(0) else { return .null }
                return .string(hexadecimal(Digest.hmac(digest, block: block, key: key.bytes, text.bytes)[...]))
            }
        }
        return plain + keyed
    }()

    static func hexadecimal(_ bytes: ArraySlice<UInt8>) -> ByteString {
        var writer = ByteWriter(reserving: bytes.count * 2)
        for byte in bytes {
            writer.append(ASCII.hexDigit(byte >> 4))
            writer.append(ASCII.hexDigit(byte & 15))
        }
        return writer.finishText()
    }

    private static func decodeHexadecimal(_ text: ByteString) -> ByteString? {
        guard text.count % 2 == 0 else { return nil }
        var bytes: [UInt8] = []
        for index in stride(from: 0, to: text.count, by: 2) {
            guard let high = ASCII.hexValue(text[index]), let low = ASCII.hexValue(text[index + 1]) else { return nil }
            bytes.append(high << 4 | low)
        }
        return ByteString(bytes)
    }

    private static func escapeCommon(_ text: ByteString) -> ByteString {
        var writer = ByteWriter(reserving: text.count + 8)
        for byte in text.elements {
            switch byte {
            case UInt8(ascii: "'"), ASCII.quote, ASCII.backslash:
                writer.append(ASCII.backslash)
                writer.append(byte)
            case 0: writer.append("\\0")
            default: writer.append(byte)
            }
        }
        return writer.finishText()
    }

    private static func unescapeCommon(_ text: ByteString) -> ByteString {
        var writer = ByteWriter(reserving: text.count)
        var index = 0
        while index < text.count {
            if text[index] == ASCII.backslash, index + 1 < text.count {
                switch text[index + 1] {
                case UInt8(ascii: "'"), ASCII.quote, ASCII.backslash:
                    writer.append(text[index + 1])
                    index += 2
                    continue
                case UInt8(ascii: "0"):
                    writer.append(0 as UInt8)
                    index += 2
                    continue
                default: break
                }
            }
            writer.append(text[index])
            index += 1
        }
        return writer.finishText()
    }

    // RFC 3261 §25.1: unreserved, and what user or parameter add.
    private static let userCharacters = Array("-_.!~*'()&=+$,;?/".utf8)
    private static let parameterCharacters = Array("-_.!~*'()[]/:&+$".utf8)

    private static func escape(_ text: ByteString, keeping marks: [UInt8]) -> ByteString {
        var writer = ByteWriter(reserving: text.count + 8)
        for byte in text.elements {
            if ASCII.isAlphanumeric(byte) || marks.contains(byte) {
                writer.append(byte)
            } else {
                writer.append(ASCII.percent)
                writer.append(ASCII.hexDigit(byte >> 4))
                writer.append(ASCII.hexDigit(byte & 15))
            }
        }
        return writer.finishText()
    }

    /// nil for a `%` that no two hexadecimal digits follow.
    private static func unescape(_ text: ByteString) -> ByteString? {
        guard text.contains(ASCII.percent) else { return text }
        var writer = ByteWriter(reserving: text.count)
        var index = 0
        while index < text.count {
            if text[index] == ASCII.percent {
                guard index + 2 < text.count, let high = ASCII.hexValue(text[index + 1]),
                    let low = ASCII.hexValue(text[index + 2])
                else { return nil }
                writer.append(high << 4 | low)
                index += 3
            } else {
                writer.append(text[index])
                index += 1
            }
        }
        return writer.finishText()
    }
}

/// RFC 4648 §4.
enum Base64 {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    static func encode(_ text: ByteString) -> ByteString {
        var writer = ByteWriter(reserving: (text.count + 2) / 3 * 4)
        for start in stride(from: 0, to: text.count, by: 3) {
            let count = min(3, text.count - start)
            var bits: UInt32 = 0
            for index in 0..<3 { bits = bits << 8 | (index < count ? UInt32(text[start + index]) : 0) }
            for index in 0..<4 {
                let digit = alphabet[Int(bits >> UInt32(18 - 6 * index) & 63)]
                writer.append(index <= count ? digit : ASCII.equal)
            }
        }
        return writer.finishText()
    }

    /// As many characters as can be decoded; what follows the first other character is left out.
    static func decode(_ text: ByteString) -> ByteString? {
        var bytes: [UInt8] = []
        var bits: UInt32 = 0
        var count = 0
        for byte in text.elements {
            let value: UInt32
            switch byte {
            case 65...90: value = UInt32(byte) - 65
            case 97...122: value = UInt32(byte) - 71
            case 48...57: value = UInt32(byte) + 4
            case UInt8(ascii: "+"): value = 62
            case ASCII.slash: value = 63
            default: return ByteString(bytes)
            }
            bits = bits << 6 | value
            count += 6
            if count >= 8 {
                count -= 8
                bytes.append(UInt8(truncatingIfNeeded: bits >> UInt32(count)))
            }
        }
        return ByteString(bytes)
    }
}
