extension ByteString {
    /// The offset of the first `byte` at or after `start`; nil when there is none.
    package func first(of byte: UInt8, from start: Int = 0) -> Int? {
        guard start < count else { return nil }
        return storage.withUnsafeBufferPointer { bytes in
            for index in (range.start + max(0, start))..<range.end where bytes[index] == byte {
                return index - range.start
            }
            return nil
        }
    }

    /// The offset of the last `byte`; nil when there is none.
    package func last(of byte: UInt8) -> Int? {
        storage.withUnsafeBufferPointer { bytes in
            for index in range.indices.reversed() where bytes[index] == byte {
                return index - range.start
            }
            return nil
        }
    }

    /// The offset of the first occurrence of `other` at or after `start`; nil when there is none. An empty `other` is
    /// found at `start`.
    package func first(of other: ByteString, from start: Int = 0, ignoringCase: Bool = false) -> Int? {
        guard start >= 0, other.count <= count - start else { return nil }
        guard let head = other.first else { return start }
        let lowered = ASCII.lowercased(head)
        for offset in start...(count - other.count) {
            let byte = storage[range.start + offset]
            guard byte == head || (ignoringCase && ASCII.lowercased(byte) == lowered) else { continue }
            let candidate = slice(offset..<(offset + other.count))
            if ignoringCase ? candidate.equalsIgnoringCase(other) : candidate == other { return offset }
        }
        return nil
    }

    /// Whether `byte` occurs.
    package func contains(_ byte: UInt8) -> Bool { first(of: byte) != nil }

    /// The parts between occurrences of `separator`; a text without it is one part, an empty text one empty part.
    /// Allocates an array.
    package func split(at separator: UInt8) -> [ByteString] {
        var parts: [ByteString] = []
        var start = 0
        while let end = first(of: separator, from: start) {
            parts.append(slice(start..<end))
            start = end + 1
        }
        parts.append(slice(start..<count))
        return parts
    }

    /// Without space, tab, CR and LF at both ends; shares the storage.
    package func trimmed() -> ByteString {
        storage.withUnsafeBufferPointer { bytes in
            var lower = range.start
            var upper = range.end
            while lower < upper, ASCII.isWhitespace(bytes[lower]) { lower += 1 }
            while lower < upper, ASCII.isWhitespace(bytes[upper - 1]) { upper -= 1 }
            return ByteString(storage: storage, range: ByteRange(lower, upper))
        }
    }

    /// With ASCII letters in lower case. Returns itself when there is nothing to change, else one allocation.
    package func lowercased() -> ByteString {
        mapped(ASCII.lowercased)
    }

    /// With ASCII letters in upper case. Returns itself when there is nothing to change, else one allocation.
    package func uppercased() -> ByteString {
        mapped(ASCII.uppercased)
    }

    private func mapped(_ transform: (UInt8) -> UInt8) -> ByteString {
        let changes = storage[range.indices].contains { transform($0) != $0 }
        return changes ? ByteString(storage[range.indices].map(transform)) : self
    }

    /// The number that an optional `-` or `+` and digits make; nil when there is anything else, no digit, or it
    /// passes `Int`.
    package func decimal() -> Int? {
        storage.withUnsafeBufferPointer { bytes in
            var index = range.start
            let end = range.end
            var isNegative = false
            if index < end, bytes[index] == UInt8(ascii: "-") || bytes[index] == UInt8(ascii: "+") {
                isNegative = bytes[index] == UInt8(ascii: "-")
                index += 1
            }
            guard index < end else { return nil }
            var value = 0
            while index < end {
                let digit = bytes[index] &- 48
                guard digit < 10 else { return nil }
                let (product, passed) = value.multipliedReportingOverflow(by: 10)
                let (sum, passedAgain) =
                    isNegative
                    ? product.subtractingReportingOverflow(Int(digit)) : product.addingReportingOverflow(Int(digit))
                if passed || passedAgain { return nil }
                value = sum
                index += 1
            }
            return value
        }
    }

    /// The number that hex digits make, without prefix; nil when there is anything else, no digit, or it passes 64
    /// bits.
    package func hexadecimal() -> UInt64? {
        guard !isEmpty else { return nil }
        var value: UInt64 = 0
        for index in range.indices {
            guard let digit = ASCII.hexValue(storage[index]), value >> 60 == 0 else { return nil }
            value = value << 4 | UInt64(digit)
        }
        return value
    }
}

extension ByteString {
    /// Both texts in one; one allocation.
    package static func + (left: ByteString, right: ByteString) -> ByteString {
        var writer = ByteWriter(reserving: left.count + right.count)
        writer.append(left)
        writer.append(right)
        return writer.finishText()
    }
}
