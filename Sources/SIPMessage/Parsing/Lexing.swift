import Bytes
import Glibc

/// Steps over the grammar's small parts. Each takes a position and an end inside the span and returns the next
/// position; every access is bounds-checked by the span.
extension Span where Element == UInt8 {
    /// The first position at or after `index` without white space (SP, HTAB, CR, LF).
    @inline(__always)
    func skipWhitespace(_ index: Int, _ end: Int) -> Int {
        var index = index
        while index < end, ASCII.isWhitespace(self[index]) { index &+= 1 }
        return index
    }

    /// The end without white space before it, not below `start`.
    @inline(__always)
    func trimEnd(_ start: Int, _ end: Int) -> Int {
        var end = end
        while end > start, ASCII.isWhitespace(self[end &- 1]) { end &-= 1 }
        return end
    }

    /// The first position at or after `index` that is no token character.
    @inline(__always)
    func skipToken(_ index: Int, _ end: Int) -> Int {
        var index = index
        while index < end, ASCII.isTokenCharacter(self[index]) { index &+= 1 }
        return index
    }

    /// The position after the quoted string that starts at `index` (RFC 3261 §25.1); nil when it has no end.
    func skipQuoted(_ index: Int, _ end: Int) -> Int? {
        var index = index &+ 1
        while index < end {
            let byte = self[index]
            if byte == ASCII.quote { return index &+ 1 }
            index &+= byte == ASCII.backslash ? 2 : 1
        }
        return nil
    }

    /// Whether every quoted string between `index` and `end` has its end. A value that has not would swallow what is
    /// added after it.
    @inline(__always)
    func areQuotesClosed(_ index: Int, _ end: Int) -> Bool {
        guard contains(ASCII.quote, index, end) else { return true }
        var index = find(ASCII.quote, index, end)
        while index < end {
            guard let next = skipQuoted(index, end) else { return false }
            index = find(ASCII.quote, next, end)
        }
        return true
    }

    /// The position of the first `byte`; `end` when there is none. For short ways: a byte at a time.
    @inline(__always)
    func find(_ byte: UInt8, _ index: Int, _ end: Int) -> Int {
        var index = index
        while index < end, self[index] != byte { index &+= 1 }
        return index
    }

    /// Whether `byte` is between `index` and `end`. For long ways: `memchr`.
    @inline(__always)
    func contains(_ byte: UInt8, _ index: Int, _ end: Int) -> Bool {
        precondition(index >= 0 && index <= end && end <= count, "Span.contains: range outside the span")
        // The search stays inside the range, which was checked.
        return unsafe withUnsafeBufferPointer { pointer in
            guard index < end, let base = pointer.baseAddress else { return false }
            return unsafe memchr(base + index, Int32(byte), end &- index) != nil
        }
    }

    /// The position of the first line feed at or after `index`; nil when there is none.
    @inline(__always)
    func findLineFeed(_ index: Int) -> Int? {
        precondition(index >= 0 && index <= count, "Span.findLineFeed: index out of range")
        let length = count &- index
        // The search stays inside the span: it starts at `index`, which was checked, and covers the rest.
        return unsafe withUnsafeBufferPointer { pointer in
            guard length > 0, let base = pointer.baseAddress,
                let found = unsafe memchr(base + index, Int32(ASCII.lineFeed), length)
            else { return nil }
            return unsafe UnsafeRawPointer(found) - UnsafeRawPointer(base)
        }
    }

    /// Whether the bytes from `lower` to `upper` are those of `literal`.
    func equals(_ literal: StaticString, at lower: Int, _ upper: Int) -> Bool {
        guard upper &- lower == literal.utf8CodeUnitCount else { return false }
        return literal.withUTF8Buffer { text in
            for index in 0..<text.count where unsafe text[index] != self[lower &+ index] { return false }
            return true
        }
    }

    /// The same, letters without case.
    func equalsIgnoringCase(_ literal: StaticString, at lower: Int, _ upper: Int) -> Bool {
        guard upper &- lower == literal.utf8CodeUnitCount else { return false }
        return literal.withUTF8Buffer { text in
            for index in 0..<text.count {
                if unsafe ASCII.lowercased(text[index]) != ASCII.lowercased(self[lower &+ index]) { return false }
            }
            return true
        }
    }

    /// The number that the digits from `lower` to `upper` make; nil when empty, anything else is there, or it passes
    /// `max`.
    func decimal(_ lower: Int, _ upper: Int, max: UInt64) -> UInt64? {
        guard lower < upper else { return nil }
        var value: UInt64 = 0
        var index = lower
        while index < upper {
            let digit = self[index] &- 48
            guard digit < 10 else { return nil }
            value = value &* 10 &+ UInt64(digit)
            if value > max { return nil }
            index &+= 1
        }
        return value
    }
}
