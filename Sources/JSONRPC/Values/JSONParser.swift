/// Limits of one JSON text.
package struct JSONLimits: Sendable {
    /// Bytes of the whole text.
    package var textBytesMax: Int
    /// Arrays and objects inside each other.
    package var depthMax: Int

    package init(textBytesMax: Int = 1 << 20, depthMax: Int = 64) {
        self.textBytesMax = textBytesMax
        self.depthMax = depthMax
    }

    package static let `default` = JSONLimits()
}

/// Why a text is not acceptable JSON, and where.
package struct JSONError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Reason: String, Hashable, Sendable {
        case tooLong = "text is longer than allowed"
        case tooDeep = "arrays and objects are nested deeper than allowed"
        case endOfText = "text ends too early"
        case unexpectedByte = "unexpected character"
        case badNumber = "malformed number"
        case numberOutOfRange = "number is out of range"
        case badEscape = "malformed escape"
        case badUTF8 = "text is not UTF-8"
        case controlCharacter = "control character in a string"
        case trailingText = "text goes on after the value"
    }

    package let reason: Reason
    /// Index of the byte where it was noticed.
    package let offset: Int

    package init(_ reason: Reason, at offset: Int) {
        self.reason = reason
        self.offset = offset
    }

    package var description: String { "\(reason.rawValue) at byte \(offset)" }
}

/// Strict parser of one JSON text (RFC 8259): bounded in size and depth, UTF-8 checked, total on any input.
package struct JSONParser {
    private let bytes: [UInt8]
    private let depthMax: Int
    private var position = 0

    /// Parses a whole text; white space around the value is allowed, anything else is not.
    package static func parse(_ bytes: [UInt8], limits: JSONLimits = .default) throws(JSONError) -> JSONValue {
        guard bytes.count <= limits.textBytesMax else { throw JSONError(.tooLong, at: limits.textBytesMax) }
        var parser = JSONParser(bytes: bytes, depthMax: limits.depthMax)
        let value = try parser.value(depth: 0)
        parser.skipWhitespace()
        guard parser.position == bytes.count else { throw JSONError(.trailingText, at: parser.position) }
        return value
    }

    package static func parse(_ text: String, limits: JSONLimits = .default) throws(JSONError) -> JSONValue {
        try parse(Array(text.utf8), limits: limits)
    }

    private init(bytes: [UInt8], depthMax: Int) {
        self.bytes = bytes
        self.depthMax = depthMax
    }

    private var current: UInt8? { position < bytes.count ? bytes[position] : nil }

    private func unexpected() -> JSONError {
        JSONError(position < bytes.count ? .unexpectedByte : .endOfText, at: position)
    }

    private mutating func skipWhitespace() {
        while let byte = current, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { position += 1 }
    }

    private mutating func expect(_ byte: UInt8) throws(JSONError) {
        guard current == byte else { throw unexpected() }
        position += 1
    }

    /// Recursion is bounded by `depthMax`.
    private mutating func value(depth: Int) throws(JSONError) -> JSONValue {
        skipWhitespace()
        guard let byte = current else { throw unexpected() }
        switch byte {
        case UInt8(ascii: "{"): return .object(try object(depth: depth + 1))
        case UInt8(ascii: "["): return .array(try array(depth: depth + 1))
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try number()
        default: throw unexpected()
        }
    }

    private mutating func word(_ text: String, _ value: JSONValue) throws(JSONError) -> JSONValue {
        for byte in text.utf8 { try expect(byte) }
        return value
    }

    private mutating func object(depth: Int) throws(JSONError) -> JSONObject {
        guard depth <= depthMax else { throw JSONError(.tooDeep, at: position) }
        position += 1
        var members: [JSONObject.Member] = []
        skipWhitespace()
        if current == UInt8(ascii: "}") {
            position += 1
            return JSONObject()
        }
        while true {
            skipWhitespace()
            guard current == UInt8(ascii: "\"") else { throw unexpected() }
            let key = try string()
            skipWhitespace()
            try expect(UInt8(ascii: ":"))
            members.append(JSONObject.Member(key: key, value: try value(depth: depth)))
            skipWhitespace()
            if current == UInt8(ascii: ",") {
                position += 1
                continue
            }
            try expect(UInt8(ascii: "}"))
            return JSONObject(members)
        }
    }

    private mutating func array(depth: Int) throws(JSONError) -> [JSONValue] {
        guard depth <= depthMax else { throw JSONError(.tooDeep, at: position) }
        position += 1
        var values: [JSONValue] = []
        skipWhitespace()
        if current == UInt8(ascii: "]") {
            position += 1
            return values
        }
        while true {
            values.append(try value(depth: depth))
            skipWhitespace()
            if current == UInt8(ascii: ",") {
                position += 1
                continue
            }
            try expect(UInt8(ascii: "]"))
            return values
        }
    }
}

// MARK: Numbers

extension JSONParser {
    private mutating func digits() -> Int {
        let start = position
        while let byte = current, byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") { position += 1 }
        return position - start
    }

    private mutating func number() throws(JSONError) -> JSONValue {
        let start = position
        if current == UInt8(ascii: "-") { position += 1 }
        let startsWithZero = current == UInt8(ascii: "0")
        let integerDigits = digits()
        guard integerDigits > 0, !(startsWithZero && integerDigits > 1) else { throw JSONError(.badNumber, at: start) }
        var isInteger = true
        if current == UInt8(ascii: ".") {
            isInteger = false
            position += 1
            guard digits() > 0 else { throw JSONError(.badNumber, at: start) }
        }
        if current == UInt8(ascii: "e") || current == UInt8(ascii: "E") {
            isInteger = false
            position += 1
            if current == UInt8(ascii: "+") || current == UInt8(ascii: "-") { position += 1 }
            guard digits() > 0 else { throw JSONError(.badNumber, at: start) }
        }
        let text = String(decoding: bytes[start..<position], as: UTF8.self)
        if isInteger, let value = Int(text) { return .integer(value) }
        guard let value = Double(text), value.isFinite else { throw JSONError(.numberOutOfRange, at: start) }
        return .double(value)
    }
}

// MARK: Strings

extension JSONParser {
    private mutating func string() throws(JSONError) -> String {
        position += 1
        let start = position
        while let byte = current, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\"), byte >= 0x20 { position += 1 }
        guard let byte = current else { throw unexpected() }
        if byte == UInt8(ascii: "\"") {
            position += 1
            return try text(bytes[start..<(position - 1)], at: start)
        }
        return try escapedString(from: start)
    }

    private mutating func escapedString(from start: Int) throws(JSONError) -> String {
        var content = Array(bytes[start..<position])
        while let byte = current {
            switch byte {
            case UInt8(ascii: "\""):
                position += 1
                return try text(content[...], at: start)
            case UInt8(ascii: "\\"): try escape(into: &content)
            case 0..<0x20: throw JSONError(.controlCharacter, at: position)
            default:
                content.append(byte)
                position += 1
            }
        }
        throw unexpected()
    }

    private func text(_ content: ArraySlice<UInt8>, at offset: Int) throws(JSONError) -> String {
        guard let text = String(validating: content, as: UTF8.self) else { throw JSONError(.badUTF8, at: offset) }
        return text
    }

    private mutating func escape(into content: inout [UInt8]) throws(JSONError) {
        let start = position
        position += 1
        guard let letter = current else { throw unexpected() }
        position += 1
        switch letter {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): content.append(letter)
        case UInt8(ascii: "b"): content.append(0x08)
        case UInt8(ascii: "f"): content.append(0x0C)
        case UInt8(ascii: "n"): content.append(0x0A)
        case UInt8(ascii: "r"): content.append(0x0D)
        case UInt8(ascii: "t"): content.append(0x09)
        case UInt8(ascii: "u"): content.append(contentsOf: try escapedScalar(from: start).utf8)
        default: throw JSONError(.badEscape, at: start)
        }
    }

    /// One `\uXXXX`, or two that are a surrogate pair; half a pair is refused.
    private mutating func escapedScalar(from start: Int) throws(JSONError) -> String {
        var code = try fourHexDigits(from: start)
        if code >= 0xD800, code < 0xDC00 {
            guard current == UInt8(ascii: "\\"), position + 1 < bytes.count, bytes[position + 1] == UInt8(ascii: "u")
            else { throw JSONError(.badEscape, at: start) }
            position += 2
            let low = try fourHexDigits(from: start)
            guard low >= 0xDC00, low < 0xE000 else { throw JSONError(.badEscape, at: start) }
            code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
        }
        guard let scalar = Unicode.Scalar(code) else { throw JSONError(.badEscape, at: start) }
        return String(Character(scalar))
    }

    private mutating func fourHexDigits(from start: Int) throws(JSONError) -> UInt32 {
        var code: UInt32 = 0
        for _ in 0..<4 {
            guard let byte = current else { throw unexpected() }
            let digit: UInt8
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = byte - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = byte - UInt8(ascii: "a") + 10
            case UInt8(ascii: "A")...UInt8(ascii: "F"): digit = byte - UInt8(ascii: "A") + 10
            default: throw JSONError(.badEscape, at: start)
            }
            code = code << 4 | UInt32(digit)
            position += 1
        }
        return code
    }
}
