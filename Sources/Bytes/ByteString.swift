/// An immutable slice of a shared byte array: the text type of the whole server below `String`.
///
/// ```
/// storage  [ I N V I T E   s i p : b o b @ e x . n e t   S I P / 2 . 0 … ]
/// range              ^lower              ^upper
/// ```
/// 16 bytes; copying and slicing retain the array and copy nothing. It says nothing about encoding: bytes are
/// compared as they are. A slice keeps the whole array alive: call `compacted()` before keeping a few bytes of a
/// message for long.
@usableFromInline
package struct ByteString: Sendable {
    /// The array that the bytes are part of, shared with other slices.
    @usableFromInline package let storage: [UInt8]
    /// Where the bytes lie in `storage`.
    @usableFromInline package let range: ByteRange

    /// Without bytes.
    package static let empty = ByteString([])

    /// All of `bytes`, not copied.
    @inlinable
    package init(_ bytes: [UInt8]) {
        storage = bytes
        range = ByteRange(0, bytes.count)
    }

    /// The UTF-8 of `string`: one allocation.
    @inlinable
    package init(_ string: String) {
        self.init(Array(string.utf8))
    }

    /// A copy of `string`: one allocation.
    package init(_ string: StaticString) {
        self.init(string.withUTF8Buffer { Array($0) })
    }

    /// A copy of `bytes`: one allocation.
    @inlinable
    package init(copying bytes: UnsafeRawBufferPointer) {
        self.init(Array(bytes))
    }

    /// `number` in decimal: one allocation.
    package init(decimal number: Int) {
        var writer = ByteWriter(reserving: 20)
        writer.append(decimal: number)
        self = writer.finishText()
    }

    /// The part `range` of `storage`. A range outside the array is a fault of ours and traps.
    @inlinable
    package init(storage: [UInt8], range: ByteRange) {
        precondition(range.end <= storage.count, "ByteString: range outside its storage")
        self.storage = storage
        self.range = range
    }

    /// Bytes.
    @inlinable package var count: Int { range.count }
    /// Whether there is no byte.
    @inlinable package var isEmpty: Bool { range.isEmpty }
    /// Offsets 0 up to `count`.
    @inlinable package var indices: Range<Int> { 0..<range.count }
    /// The first byte, nil when empty.
    @inlinable package var first: UInt8? { isEmpty ? nil : storage[range.start] }
    /// The last byte, nil when empty.
    @inlinable package var last: UInt8? { isEmpty ? nil : storage[range.end - 1] }

    /// The byte at `offset` from the start of this slice; traps outside it.
    @inlinable
    package subscript(offset: Int) -> UInt8 {
        precondition(offset >= 0 && offset < range.count, "ByteString: offset outside the slice")
        return storage[range.start + offset]
    }

    /// The slice `bounds`, counted from the start of this one; shares the storage. Traps outside.
    @inlinable
    package subscript(bounds: Range<Int>) -> ByteString { slice(bounds) }

    /// The slice `bounds`, counted from the start of this one; shares the storage. Traps outside.
    @inlinable
    package func slice(_ bounds: Range<Int>) -> ByteString {
        precondition(bounds.lowerBound >= 0 && bounds.upperBound <= count, "ByteString: bounds outside the slice")
        return ByteString(
            storage: storage,
            range: ByteRange(range.start + bounds.lowerBound, range.start + bounds.upperBound))
    }

    /// Everything from `offset` on.
    @inlinable
    package func dropFirst(_ offset: Int) -> ByteString { slice(min(offset, count)..<count) }

    /// The first `length` bytes, or all.
    @inlinable
    package func prefix(_ length: Int) -> ByteString { slice(0..<min(length, count)) }

    /// Without the last `length` bytes.
    @inlinable
    package func dropLast(_ length: Int) -> ByteString { slice(0..<max(0, count - length)) }

    /// Calls `body` with the bytes; the pointer is valid during the call only.
    @inlinable
    package func withBytes<Result, Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        var outcome: Swift.Result<Result, Failure>?
        storage.withUnsafeBytes { all in
            do throws(Failure) {
                outcome = .success(try body(UnsafeRawBufferPointer(rebasing: all[range.indices])))
            } catch {
                outcome = .failure(error)
            }
        }
        // The closure above ran exactly once and set it on both ways out.
        return try outcome!.get()
    }

    /// The bytes as an array; shares when the slice covers its whole storage, copies otherwise.
    @inlinable
    package var bytes: [UInt8] {
        range.count == storage.count ? storage : Array(storage[range.indices])
    }

    /// The bytes for loops and algorithms of the standard library; its indices are those of `storage`.
    @inlinable
    package var elements: ArraySlice<UInt8> { storage[range.indices] }

    /// The same bytes in storage of their own, so that a large buffer is not kept alive.
    package func compacted() -> ByteString { ByteString(bytes) }

    /// The text, bytes that are not UTF-8 replaced by U+FFFD. Allocates beyond 15 bytes: not for the hot path.
    package var string: String { String(decoding: storage[range.indices], as: UTF8.self) }
}

extension ByteString: CustomStringConvertible, CustomDebugStringConvertible {
    @usableFromInline package var description: String { string }
    @usableFromInline package var debugDescription: String { string.debugDescription }
}

extension ByteString: ExpressibleByStringLiteral {
    /// The UTF-8 of a literal. Allocates: keep it in a `static let` on hot paths, or compare with a `StaticString`.
    @usableFromInline
    package init(stringLiteral value: StaticString) {
        self.init(value)
    }
}
