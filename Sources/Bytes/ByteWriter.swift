/// A growing byte buffer that text is put together in.
///
/// Reserve what will be needed, and the whole costs one allocation; `finish` hands the array over without a copy.
@usableFromInline
package struct ByteWriter: Sendable {
    /// What was written so far.
    @usableFromInline package internal(set) var bytes: [UInt8]

    /// An empty writer with room for `capacity` bytes.
    package init(reserving capacity: Int = 0) {
        bytes = []
        if capacity > 0 { bytes.reserveCapacity(capacity) }
    }

    /// Goes on after `bytes`, which are not copied when this is their only holder.
    package init(continuing bytes: consuming [UInt8]) {
        self.bytes = bytes
    }

    /// Bytes written so far.
    package var count: Int { bytes.count }

    /// Makes room for `more` bytes beyond those written.
    package mutating func reserve(_ more: Int) {
        bytes.reserveCapacity(bytes.count + more)
    }

    @inlinable
    package mutating func append(_ byte: UInt8) {
        bytes.append(byte)
    }

    @_disfavoredOverload
    package mutating func append(_ text: ByteString) {
        text.storage.withUnsafeBufferPointer { bytes.append(contentsOf: $0[text.range.indices]) }
    }

    package mutating func append(_ text: StaticString) {
        text.withUTF8Buffer { bytes.append(contentsOf: $0) }
    }

    package mutating func append(_ more: [UInt8]) {
        bytes.append(contentsOf: more)
    }

    package mutating func append(_ more: UnsafeRawBufferPointer) {
        bytes.append(contentsOf: more)
    }

    /// The part `range` of `buffer`; a range outside it traps.
    package mutating func append(_ buffer: [UInt8], _ range: ByteRange) {
        precondition(range.end <= buffer.count, "ByteWriter: range outside the buffer")
        buffer.withUnsafeBufferPointer { bytes.append(contentsOf: UnsafeBufferPointer(rebasing: $0[range.indices])) }
    }

    package mutating func append(string: String) {
        bytes.append(contentsOf: string.utf8)
    }

    /// `number` in decimal, without allocation.
    package mutating func append(decimal number: Int) {
        if number < 0 { bytes.append(UInt8(ascii: "-")) }
        append(decimal: UInt64(number.magnitude))
    }

    /// `number` in decimal, without allocation.
    package mutating func append(decimal number: UInt64) {
        var divisor: UInt64 = 1
        while number / divisor >= 10 { divisor *= 10 }
        var rest = number
        while divisor > 0 {
            bytes.append(48 + UInt8(rest / divisor))
            rest %= divisor
            divisor /= 10
        }
    }

    /// `number` in lower-case hex, at least `digits` long with zeros in front.
    package mutating func append(hex number: UInt64, digits: Int = 1) {
        var used = 1
        while used < 16, number >> UInt64(4 * used) != 0 { used += 1 }
        for position in stride(from: max(used, min(digits, 16)) - 1, through: 0, by: -1) {
            bytes.append(ASCII.hexDigit(UInt8(truncatingIfNeeded: number >> UInt64(4 * position))))
        }
    }

    /// Removes what was written; the room stays.
    package mutating func removeAll() {
        bytes.removeAll(keepingCapacity: true)
    }

    /// The bytes, handed over.
    package consuming func finish() -> [UInt8] { bytes }

    /// The bytes as text, handed over.
    package consuming func finishText() -> ByteString { ByteString(bytes) }
}
