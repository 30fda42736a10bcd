/// Writes compact JSON text into one growing byte array.
///
/// Budget: one array that is reused after ``removeAll()``, no other allocation except for a `double`. Who formats
/// many notifications of one shape appends prepared punctuation with ``append(raw:)`` and only the changing values
/// with the typed methods, so that no tree of values is built.
package struct JSONWriter: Sendable {
    package private(set) var bytes: [UInt8] = []

    package init(reservingBytes capacity: Int = 0) {
        if capacity > 0 { bytes.reserveCapacity(capacity) }
    }

    package var count: Int { bytes.count }

    /// Empties the text and keeps the storage.
    package mutating func removeAll() { bytes.removeAll(keepingCapacity: true) }

    /// Cuts the text back to `count` bytes.
    package mutating func truncate(to count: Int) { bytes.removeLast(bytes.count - count) }

    /// Appends text that is JSON already.
    package mutating func append(raw text: [UInt8]) { bytes.append(contentsOf: text) }

    /// Appends one byte of punctuation.
    package mutating func append(raw byte: UInt8) { bytes.append(byte) }

    package mutating func append(integer value: Int) {
        if value < 0 { bytes.append(UInt8(ascii: "-")) }
        append(unsigned: value.magnitude)
    }

    package mutating func append(unsigned value: UInt) {
        let start = bytes.count
        var rest = value
        repeat {
            let (quotient, digit) = rest.quotientAndRemainder(dividingBy: 10)
            bytes.append(UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: digit))
            rest = quotient
        } while rest > 0
        var low = start
        var high = bytes.count - 1
        while low < high {
            bytes.swapAt(low, high)
            low += 1
            high -= 1
        }
    }

    /// Appends a number with a fraction; what JSON cannot say (infinite, NaN) becomes `null`.
    package mutating func append(double value: Double) {
        guard value.isFinite else { return append(raw: Self.nullText) }
        bytes.append(contentsOf: value.description.utf8)
    }

    /// Appends a quoted string; at once where nothing in it has to be escaped.
    package mutating func append(string value: String) {
        bytes.append(UInt8(ascii: "\""))
        if Self.isPlain(value.utf8.span, upTo: 0xFF) {
            bytes.append(contentsOf: value.utf8)
        } else {
            for byte in value.utf8 { append(escaping: byte) }
        }
        bytes.append(UInt8(ascii: "\""))
    }

    /// Appends a quoted string of bytes from outside; what is not UTF-8 becomes U+FFFD.
    package mutating func append(bytes value: [UInt8]) {
        bytes.append(UInt8(ascii: "\""))
        if Self.isPlain(value.span, upTo: 0x7F) {
            bytes.append(contentsOf: value)
        } else {
            let start = bytes.count
            for byte in value { append(escaping: byte) }
            repair(from: start)
        }
        bytes.append(UInt8(ascii: "\""))
    }

    /// Nothing has to be escaped, and no byte is greater than `highest`.
    private static func isPlain(_ text: borrowing Span<UInt8>, upTo highest: UInt8) -> Bool {
        for index in text.indices {
            let byte = text[index]
            if byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") || byte > highest {
                return false
            }
        }
        return true
    }

    package mutating func append(_ value: JSONValue) {
        switch value {
        case .null: append(raw: Self.nullText)
        case .bool(let flag): bytes.append(contentsOf: (flag ? "true" : "false").utf8)
        case .integer(let number): append(integer: number)
        case .double(let number): append(double: number)
        case .string(let text): append(string: text)
        case .array(let values): append(values)
        case .object(let object): append(object)
        }
    }

    package mutating func append(_ values: [JSONValue]) {
        bytes.append(UInt8(ascii: "["))
        var isFirst = true
        for value in values {
            if !isFirst { bytes.append(UInt8(ascii: ",")) }
            isFirst = false
            append(value)
        }
        bytes.append(UInt8(ascii: "]"))
    }

    package mutating func append(_ object: JSONObject) {
        bytes.append(UInt8(ascii: "{"))
        var isFirst = true
        for member in object.members {
            if !isFirst { bytes.append(UInt8(ascii: ",")) }
            isFirst = false
            append(string: member.key)
            bytes.append(UInt8(ascii: ":"))
            append(member.value)
        }
        bytes.append(UInt8(ascii: "}"))
    }

    private static let nullText = Array("null".utf8)

    private mutating func append(escaping byte: UInt8) {
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"):
            bytes.append(UInt8(ascii: "\\"))
            bytes.append(byte)
        case 0x20...: bytes.append(byte)
        case 0x08: append(escape: "b")
        case 0x09: append(escape: "t")
        case 0x0A: append(escape: "n")
        case 0x0C: append(escape: "f")
        case 0x0D: append(escape: "r")
        default:
            append(escape: "u")
            bytes.append(UInt8(ascii: "0"))
            bytes.append(UInt8(ascii: "0"))
            bytes.append(UInt8(ascii: "0") + byte >> 4)
            let low = byte & 0x0F
            bytes.append(low < 10 ? UInt8(ascii: "0") + low : UInt8(ascii: "a") + low - 10)
        }
    }

    private mutating func append(escape letter: Unicode.Scalar) {
        bytes.append(UInt8(ascii: "\\"))
        bytes.append(UInt8(ascii: letter))
    }

    /// Escaping only adds ASCII, so that bad sequences can be mended after it.
    private mutating func repair(from start: Int) {
        let mended = String(decoding: bytes[start...], as: UTF8.self)
        bytes.removeLast(bytes.count - start)
        bytes.append(contentsOf: mended.utf8)
    }
}
