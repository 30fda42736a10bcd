/// Writes fields one after the other into memory that somebody else owns: tag (1 byte), count (2 bytes, low byte first),
/// bytes. A field that does not fit is left out. No allocation.
///
/// Stays within the memory's bounds; whoever makes one sees to it that the memory outlives it.
package struct FieldWriter {
    private let memory: UnsafeMutableRawBufferPointer
    /// Bytes written so far.
    package private(set) var count = 0

    package init(_ memory: UnsafeMutableRawBufferPointer) { self.memory = memory }

    /// The first `bytesMax` bytes of a text. Nothing for an empty one.
    package mutating func put(_ tag: UInt8, _ text: ByteString, bytesMax: Int) {
        if !text.isEmpty { text.withBytes { put(tag, UnsafeRawBufferPointer(rebasing: $0.prefix(bytesMax))) } }
    }

    package mutating func put(_ tag: UInt8, _ literal: StaticString) {
        literal.withUTF8Buffer { put(tag, UnsafeRawBufferPointer($0)) }
    }

    /// A value as it lies in memory: for a reader in the same program.
    package mutating func put<Value: BitwiseCopyable>(_ tag: UInt8, value: Value) {
        withUnsafeBytes(of: value) { put(tag, $0) }
    }

    package mutating func put(_ tag: UInt8, _ bytes: UnsafeRawBufferPointer) {
        guard bytes.count <= Int(UInt16.max), count + 3 + bytes.count <= memory.count, let source = bytes.baseAddress
        else { return }
        memory[count] = tag
        memory[count + 1] = UInt8(truncatingIfNeeded: bytes.count)
        memory[count + 2] = UInt8(truncatingIfNeeded: bytes.count >> 8)
        (memory.baseAddress! + count + 3).copyMemory(from: source, byteCount: bytes.count)
        count += 3 + bytes.count
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
