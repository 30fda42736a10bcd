/// A half-open range of offsets into a byte buffer: 8 bytes, trivially copyable.
///
/// Offsets are `UInt32`, so a buffer that ranges point into is shorter than 4 GiB; every reader here has a far
/// smaller limit.
@usableFromInline
package struct ByteRange: BitwiseCopyable, Hashable, Sendable {
    /// Offset of the first byte.
    @usableFromInline package let lower: UInt32
    /// Offset after the last byte; never below `lower`.
    @usableFromInline package let upper: UInt32

    /// The range without bytes at offset 0. Stands for "not there" only where a property says so.
    package static let empty = ByteRange(lower: 0, upper: 0)

    /// A range from two offsets. `upper` below `lower` is a fault of ours and traps.
    @inlinable
    package init(lower: UInt32, upper: UInt32) {
        precondition(lower <= upper, "ByteRange: upper below lower")
        self.lower = lower
        self.upper = upper
    }

    /// A range from two offsets.
    @inlinable
    package init(_ lower: Int, _ upper: Int) {
        self.init(lower: UInt32(lower), upper: UInt32(upper))
    }

    /// A range from a standard range.
    @inlinable
    package init(_ range: Range<Int>) {
        self.init(range.lowerBound, range.upperBound)
    }

    /// Bytes covered.
    @inlinable package var count: Int { Int(upper &- lower) }
    /// Whether no byte is covered.
    @inlinable package var isEmpty: Bool { lower == upper }
    /// `lower` as the index type of arrays.
    @inlinable package var start: Int { Int(lower) }
    /// `upper` as the index type of arrays.
    @inlinable package var end: Int { Int(upper) }
    /// The same range for subscripts of arrays.
    @inlinable package var indices: Range<Int> { Int(lower)..<Int(upper) }

    /// Whether `other` lies inside this range.
    @inlinable
    package func contains(_ other: ByteRange) -> Bool {
        lower <= other.lower && other.upper <= upper
    }
}
