/// Writes fields one after the other into memory that somebody else owns: tag (1 byte), count (2 bytes, low byte first),
/// bytes. A field that does not fit is left out. No allocation.
///
/// Stays within the memory's bounds; whoever makes one sees to it that the memory outlives it.
@usableFromInline
package struct FieldWriter {
    // Inlined throughout: a traced message costs a dozen fields, on the process that handles it.
    @usableFromInline let memory: UnsafeMutableRawPointer?
    @usableFromInline let room: Int
    /// Bytes written so far.
    @usableFromInline package internal(set) var count = 0

    @inlinable
    package init(_ memory: UnsafeMutableRawBufferPointer) {
        self.memory = memory.baseAddress
        room = memory.count
    }

    /// The first `bytesMax` bytes of a text. Nothing for an empty one.
    @inlinable
    package mutating func put(_ tag: UInt8, _ text: ByteString, bytesMax: Int) {
        put(tag, text.storage, text.range, bytesMax: bytesMax)
    }

    /// The first `bytesMax` bytes of a part of `bytes`, which must lie within them. Nothing for an empty one.
    @inlinable
    package mutating func put(_ tag: UInt8, _ bytes: [UInt8], _ range: ByteRange, bytesMax: Int) {
        guard !range.isEmpty else { return }
        precondition(range.end <= bytes.count, "FieldWriter: range outside its bytes")
        bytes.withUnsafeBytes { bytes in
            put(tag, UnsafeRawBufferPointer(rebasing: bytes[range.start..<range.start + min(range.count, bytesMax)]))
        }
    }

    @inlinable
    package mutating func put(_ tag: UInt8, _ literal: StaticString) {
        literal.withUTF8Buffer { put(tag, UnsafeRawBufferPointer($0)) }
    }

    /// A value as it lies in memory: for a reader in the same program.
    @inlinable
    package mutating func put<Value: BitwiseCopyable>(_ tag: UInt8, value: Value) {
        guard let target = begin(tag, MemoryLayout<Value>.size) else { return }
        target.storeBytes(of: value, as: Value.self)
    }

    @inlinable
    package mutating func put(_ tag: UInt8, _ bytes: UnsafeRawBufferPointer) {
        guard let source = bytes.baseAddress, let target = begin(tag, bytes.count) else { return }
        target.copyMemory(from: source, byteCount: bytes.count)
    }

    /// Writes tag and count and gives the place of the bytes; nil when they don't fit.
    @usableFromInline
    @inline(__always)
    mutating func begin(_ tag: UInt8, _ length: Int) -> UnsafeMutableRawPointer? {
        guard length <= Int(UInt16.max), count + 3 + length <= room, let memory else { return nil }
        let target = memory + count
        target.storeBytes(of: tag, as: UInt8.self)
        target.storeBytes(of: UInt8(truncatingIfNeeded: length), toByteOffset: 1, as: UInt8.self)
        target.storeBytes(of: UInt8(truncatingIfNeeded: length >> 8), toByteOffset: 2, as: UInt8.self)
        count += 3 + length
        return target + 3
    }
}

/// Reads what `FieldWriter` wrote; stops where the bytes make no sense.
package struct FieldReader: Sequence, IteratorProtocol {
    private let bytes: [UInt8]
    private var position = 0

    package init(_ bytes: [UInt8]) { self.bytes = bytes }

    package mutating func next() -> (tag: UInt8, bytes: ArraySlice<UInt8>)? {
        guard position + 3 <= bytes.count else { return nil }
        let start = position + 3
        let end = start + Int(bytes[position + 1]) + Int(bytes[position + 2]) << 8
        guard end <= bytes.count else { return nil }
        defer { position = end }
        return (bytes[position], bytes[start..<end])
    }
}
