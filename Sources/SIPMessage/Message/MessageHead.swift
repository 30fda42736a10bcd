import Bytes

/// What parsing finds out about a message: everything but the bytes themselves.
///
/// Up to `inlineCount` header fields lie inside; only a message with more allocates an array for the rest.
struct MessageHead: Sendable {
    static let inlineCount = 24
    private static let absent = UInt8.max

    var startLine = StartLine()
    var body = ByteRange.empty
    /// Where header fields end: offset of the empty line.
    var headersEnd: UInt32 = 0
    private(set) var count = 0
    private var inline = InlineArray<24, HeaderField>(repeating: .unused)
    private var more: [HeaderField] = []
    /// For ids below `HeaderID.indexedCount` the index of the first such field, when it is below 255.
    private var firsts = InlineArray<16, UInt8>(repeating: absent)
    /// Which ids are there, one bit each.
    private var presentLow: UInt64 = 0
    private var presentHigh: UInt64 = 0

    @inline(__always)
    subscript(index: Int) -> HeaderField {
        index < Self.inlineCount ? inline[index] : more[index &- Self.inlineCount]
    }

    @inline(__always)
    mutating func append(_ field: HeaderField) {
        let raw = field.id.rawValue
        if raw < UInt8(HeaderID.indexedCount) {
            if firsts[Int(raw)] == Self.absent, count < Int(Self.absent) { firsts[Int(raw)] = UInt8(count) }
        }
        if raw < 64 { presentLow |= 1 << UInt64(raw) } else { presentHigh |= 1 << UInt64(raw &- 64) }
        if count < Self.inlineCount { inline[count] = field } else { more.append(field) }
        count &+= 1
    }

    @inline(__always)
    func contains(_ id: HeaderID) -> Bool {
        let raw = id.rawValue
        return (raw < 64 ? presentLow >> UInt64(raw) : presentHigh >> UInt64(raw &- 64)) & 1 == 1
    }

    /// Index of the first field with `id`: one load for the common ones, else a walk; nil when there is none.
    @inline(__always)
    func firstIndex(_ id: HeaderID) -> Int? {
        guard contains(id) else { return nil }
        if Int(id.rawValue) < HeaderID.indexedCount {
            let index = firsts[Int(id.rawValue)]
            if index != Self.absent { return Int(index) }
        }
        return nextIndex(id, from: 0)
    }

    /// Index of the first field with `id` at or after `start`; nil when there is none.
    func nextIndex(_ id: HeaderID, from start: Int) -> Int? {
        var index = start
        while index < count {
            if self[index].id == id { return index }
            index &+= 1
        }
        return nil
    }
}

/// Holds a message's bytes and what was found in them, shared by all copies of the `Message`. Never changes.
final class MessageStorage: Sendable {
    let buffer: [UInt8]
    let head: MessageHead

    init(buffer: [UInt8], head: MessageHead) {
        self.buffer = buffer
        self.head = head
    }
}
