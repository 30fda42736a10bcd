/// Numbers, strings and variables.
extension Lexer {
    mutating func lexNumber() {
        let start = position
        var end = start
        var radix = 10
        var digitsStart = start
        if byte(start) == UInt8(ascii: "0"), byte(start + 1) | 0x20 == UInt8(ascii: "x"),
            byte(start + 2).hexDigitValue != nil
        {
            radix = 16
            digitsStart = start + 2
            end = digitsStart
            while byte(end).hexDigitValue != nil { end += 1 }
        } else {
            while byte(end).isDigit { end += 1 }
            if byte(start) == UInt8(ascii: "0"), end - start > 1 { radix = 8 }
        }
        var value = 0
        var isTooLarge = false
        var isBadOctal = false
        for offset in digitsStart..<end {
            guard let digit = byte(offset).hexDigitValue else { continue }
            if digit >= radix { isBadOctal = true }
            value = value &* radix &+ digit
            if value > Int(UInt32.max) {
                isTooLarge = true
                value &= Int(UInt32.max)
            }
        }
        let range = start..<end
        if isBadOctal {
            diagnostics.error(
                "bad-number", at: source.location(range), "a number that begins with 0 is octal and has digits 0 to 7",
                hint: "leave the leading 0 out to write a decimal number")
        }
        let wrapped = Int(Int32(truncatingIfNeeded: value))
        // 0x80000000 and above are bit masks: they fit 32 bits, so only decimal ones surprise. `-2147483648` is checked
        // by the parser, which knows the sign.
        if isTooLarge || (radix == 10 && value > Int(Int32.max) + 1) {
            let written = String(decoding: source.bytes[range], as: UTF8.self)
            diagnostics.warn(
                "number-overflow", at: source.location(range), "\(written) does not fit 32 bits: it becomes \(wrapped)",
                hint: "integers go from -2147483648 to 2147483647")
        }
        append(.number(wrapped), range)
    }

    /// `'…'`: no escapes at all.
    mutating func lexSingleQuoted() {
        let start = position
        var end = start + 1
        while end < source.bytes.count, byte(end) != UInt8(ascii: "'") { end += 1 }
        guard end < source.bytes.count else { return unterminatedString(start) }
        append(.string(Array(source.bytes[(start + 1)..<end])), start..<(end + 1))
    }

    /// `"…"` with escapes.
    mutating func lexDoubleQuoted() {
        let start = position
        var value: [UInt8] = []
        var offsets: [Int32] = []
        var hasEscape = false
        var index = start + 1
        func put(_ byte: UInt8, from offset: Int) {
            value.append(byte)
            offsets.append(Int32(offset - start))
        }
        while index < source.bytes.count, byte(index) != UInt8(ascii: "\"") {
            guard byte(index) == UInt8(ascii: "\\"), index + 1 < source.bytes.count else {
                put(byte(index), from: index)
                index += 1
                continue
            }
            hasEscape = true
            let next = byte(index + 1)
            let escape = Self.escape(source.bytes, at: index + 1)
            if next == 0x0A {
                index += 2
            } else if let escape {
                put(escape.byte, from: index)
                index += 1 + escape.length
            } else {
                put(UInt8(ascii: "\\"), from: index)
                put(next, from: index + 1)
                index += 2
            }
        }
        guard index < source.bytes.count else { return unterminatedString(start) }
        append(.string(value), start..<(index + 1), offsets: hasEscape ? offsets : nil)
    }

    /// What the bytes after a backslash stand for, nil when the pair stays as it is.
    private static func escape(_ bytes: [UInt8], at index: Int) -> (byte: UInt8, length: Int)? {
        switch bytes[index] {
        case UInt8(ascii: "n"): return (0x0A, 1)
        case UInt8(ascii: "r"): return (0x0D, 1)
        case UInt8(ascii: "a"): return (0x07, 1)
        case UInt8(ascii: "t"): return (0x09, 1)
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): return (bytes[index], 1)
        case UInt8(ascii: "x"):
            guard index + 1 < bytes.count, let high = bytes[index + 1].hexDigitValue else { return nil }
            guard index + 2 < bytes.count, let low = bytes[index + 2].hexDigitValue else { return (UInt8(high), 2) }
            return (UInt8(high * 16 + low), 3)
        case UInt8(ascii: "0")...UInt8(ascii: "7"):
            var value = 0
            var length = 0
            while length < 3, index + length < bytes.count,
                (UInt8(ascii: "0")...UInt8(ascii: "7")).contains(bytes[index + length])
            {
                let next = value * 8 + Int(bytes[index + length]) - 48
                if next > 255 { break }
                value = next
                length += 1
            }
            // One digit alone is a back-reference of a regular expression.
            return length >= 2 ? (UInt8(value), length) : nil
        default: return nil
        }
    }

    private mutating func unterminatedString(_ start: Int) {
        diagnostics.error(
            "unterminated-string", at: source.location(start..<(start + 1)), "this string is never closed",
            hint: "strings may span lines, so everything up to the end of the file was taken into it")
        append(.string([]), start..<source.bytes.count)
    }

    /// `$ru`, `$avp(x)`, `$(hdr(Via)[-1]{s.len})`.
    mutating func lexVariable() {
        let start = position
        var index = start + 1
        var depth = 0
        var brackets: [UInt8] = []
        scan: while index < source.bytes.count {
            let next = byte(index)
            if depth > 0 {
                if next == UInt8(ascii: "(") { depth += 1 }
                if next == UInt8(ascii: ")") {
                    depth -= 1
                    if depth == 0 {
                        index += 1
                        break scan
                    }
                }
                index += 1
                continue
            }
            switch next {
            case UInt8(ascii: "("):
                depth = 1
            case UInt8(ascii: "["): brackets.append(UInt8(ascii: "]"))
            case UInt8(ascii: "{"): brackets.append(UInt8(ascii: "}"))
            case UInt8(ascii: "]"), UInt8(ascii: "}"):
                if brackets.last != next { break scan }
                brackets.removeLast()
            case 0x20, 0x09, 0x0A, 0x0D: break scan
            case _ where ";,)=!<>+-*/%&|^~:\"'".utf8.contains(next) && brackets.isEmpty: break scan
            case UInt8(ascii: ";"), UInt8(ascii: ")"): break scan
            default: break
            }
            index += 1
        }
        if depth > 0 {
            diagnostics.error(
                "unterminated-variable", at: source.location(start..<min(index, start + 2)),
                "a parenthesis of this variable is never closed")
        }
        append(.variable, start..<max(index, start + 1))
    }
}
