extension ByteString: Hashable {
    // Overloads that take a `ByteString` are disfavoured throughout, so that a literal is taken as a `StaticString`,
    // which allocates nothing.

    /// Whether both hold the same bytes, letter case included.
    @_disfavoredOverload @usableFromInline
    package static func == (left: ByteString, right: ByteString) -> Bool {
        let count = left.range.count
        guard count == right.range.count else { return false }
        return left.storage.withUnsafeBufferPointer { leftBytes in
            right.storage.withUnsafeBufferPointer { rightBytes in
                guard count > 0, let leftBase = leftBytes.baseAddress, let rightBase = rightBytes.baseAddress else {
                    return true
                }
                return equal(leftBase + left.range.start, rightBase + right.range.start, count)
            }
        }
    }

    @usableFromInline
    package func hash(into hasher: inout Hasher) {
        storage.withUnsafeBytes { hasher.combine(bytes: UnsafeRawBufferPointer(rebasing: $0[range.indices])) }
    }

    /// Whether these are the bytes of `literal`. No allocation.
    package static func == (left: ByteString, right: StaticString) -> Bool {
        guard left.count == right.utf8CodeUnitCount else { return false }
        return left.storage.withUnsafeBufferPointer { bytes in
            right.withUTF8Buffer { literal in
                guard let base = bytes.baseAddress, let other = literal.baseAddress, !literal.isEmpty else {
                    return true
                }
                return equal(base + left.range.start, other, literal.count)
            }
        }
    }

    /// Whether these are not the bytes of `literal`.
    package static func != (left: ByteString, right: StaticString) -> Bool { !(left == right) }

    /// Whether both hold the same bytes when ASCII letters are compared without case.
    @_disfavoredOverload
    package func equalsIgnoringCase(_ other: ByteString) -> Bool {
        count == other.count && hasPrefixIgnoringCase(other)
    }

    /// The same with a literal. No allocation.
    package func equalsIgnoringCase(_ literal: StaticString) -> Bool {
        count == literal.utf8CodeUnitCount && hasPrefixIgnoringCase(literal)
    }

    /// Whether the first bytes are those of `other`.
    @_disfavoredOverload
    package func hasPrefix(_ other: ByteString) -> Bool { prefix(other.count) == other }

    /// Whether the first bytes are those of `literal`.
    package func hasPrefix(_ literal: StaticString) -> Bool { prefix(literal.utf8CodeUnitCount) == literal }

    /// Whether the last bytes are those of `other`.
    @_disfavoredOverload
    package func hasSuffix(_ other: ByteString) -> Bool {
        count >= other.count && dropFirst(count - other.count) == other
    }

    /// Whether the last bytes are those of `literal`.
    package func hasSuffix(_ literal: StaticString) -> Bool {
        count >= literal.utf8CodeUnitCount && dropFirst(count - literal.utf8CodeUnitCount) == literal
    }

    /// Whether the first bytes are those of `other`, ASCII letters compared without case.
    @_disfavoredOverload
    package func hasPrefixIgnoringCase(_ other: ByteString) -> Bool {
        guard other.count <= count else { return false }
        let length = other.count
        return storage.withUnsafeBufferPointer { mine in
            other.storage.withUnsafeBufferPointer { theirs in
                guard length > 0, let left = mine.baseAddress, let right = theirs.baseAddress else { return true }
                return equalIgnoringCase(left + range.start, right + other.range.start, length)
            }
        }
    }

    /// The same with a literal. No allocation.
    package func hasPrefixIgnoringCase(_ literal: StaticString) -> Bool {
        guard literal.utf8CodeUnitCount <= count else { return false }
        return storage.withUnsafeBufferPointer { mine in
            literal.withUTF8Buffer { theirs in
                guard !theirs.isEmpty, let left = mine.baseAddress, let right = theirs.baseAddress else { return true }
                return equalIgnoringCase(left + range.start, right, theirs.count)
            }
        }
    }

    /// A hash of the bytes with ASCII letters in lower case (FNV-1a, 64 bits, finished by a multiply-xor mix).
    ///
    /// The same for the life of every process, so it is no defence against chosen keys: pass a secret `seed` where
    /// strangers choose the keys of a table.
    package func hashIgnoringCase(seed: UInt64 = 0) -> UInt64 {
        hash(seed: seed, mask: true)
    }

    /// A hash of the bytes as they are; see `hashIgnoringCase(seed:)`.
    package func stableHash(seed: UInt64 = 0) -> UInt64 {
        hash(seed: seed, mask: false)
    }

    private func hash(seed: UInt64, mask: Bool) -> UInt64 {
        storage.withUnsafeBufferPointer { bytes in
            var state: UInt64 = 0xCBF2_9CE4_8422_2325 ^ seed
            for index in range.indices {
                let byte = mask ? ASCII.lowercased(bytes[index]) : bytes[index]
                state = (state ^ UInt64(byte)) &* 0x0000_0100_0000_01B3
            }
            state ^= state >> 32
            state = state &* 0xD6E8_FEB8_6659_FD93
            return state ^ (state >> 32)
        }
    }
}

/// Whether `count` bytes are the same. Both pointers cover `count` bytes (callers checked their ranges).
@inline(__always)
private func equal(_ left: UnsafePointer<UInt8>, _ right: UnsafePointer<UInt8>, _ count: Int) -> Bool {
    var index = 0
    while index + 8 <= count {
        let leftWord = UnsafeRawPointer(left + index).loadUnaligned(as: UInt64.self)
        let rightWord = UnsafeRawPointer(right + index).loadUnaligned(as: UInt64.self)
        if leftWord != rightWord { return false }
        index += 8
    }
    while index < count {
        if left[index] != right[index] { return false }
        index += 1
    }
    return true
}

/// Whether `count` bytes are the same, letters without case. Both pointers cover `count` bytes (callers checked their
/// ranges).
@inline(__always)
private func equalIgnoringCase(_ left: UnsafePointer<UInt8>, _ right: UnsafePointer<UInt8>, _ count: Int) -> Bool {
    for index in 0..<count where left[index] != right[index] {
        if ASCII.lowercased(left[index]) != ASCII.lowercased(right[index]) { return false }
    }
    return true
}
