import Bytes
import RouteRuntime

/// `{rest.escape}` and `{rest.unescape}` (RFC 3986 §2).
enum RESTTransformations {
    static let all = [
        TransformationDefinition("rest", "escape") { value, _ in value.text.map { .string(escaped($0)) } ?? .null },
        TransformationDefinition("rest", "unescape") { value, _ in value.text.map { .string(unescaped($0)) } ?? .null },
    ]

    /// Everything but unreserved characters as `%XX`.
    static func escaped(_ text: ByteString) -> ByteString {
        var writer = ByteWriter(reserving: text.count + 16)
        for byte in text.elements {
            switch byte {
            case UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "~"):
                writer.append(byte)
            case _ where ASCII.isAlphanumeric(byte):
                writer.append(byte)
            default:
                writer.append(UInt8(ascii: "%"))
                for digit in [byte >> 4, byte & 15] { writer.append(digits[Int(digit)]) }
            }
        }
        return writer.finishText()
    }

    private static let digits = Array("0123456789ABCDEF".utf8)

    /// `%XX` as the byte; a percent sign that begins none stays.
    static func unescaped(_ text: ByteString) -> ByteString {
        var writer = ByteWriter(reserving: text.count)
        var index = 0
        while index < text.count {
            if text[index] == UInt8(ascii: "%"), index + 2 < text.count, let high = ASCII.hexValue(text[index + 1]),
                let low = ASCII.hexValue(text[index + 2])
            {
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
