package import Bytes

/// Finds the id of a header name: an open-addressed table of all names and one-letter forms, without case.
///
/// Built once, on first use. A look-up hashes length, first and last byte, and compares the one candidate (rarely
/// two) in full.
struct HeaderNameTable: Sendable {
    static let shared = HeaderNameTable()

    private static let slotCount = 1024
    private static let free = UInt8.max

    /// For each slot the position in `starts`, or `free`.
    private let slots: [UInt8]
    /// For each entry where its lower-case name starts in `names`; one more at the end.
    private let starts: [UInt16]
    private let names: [UInt8]
    private let ids: [HeaderID]

    private init() {
        var slots = [UInt8](repeating: Self.free, count: Self.slotCount)
        var starts: [UInt16] = [0]
        var names: [UInt8] = []
        var ids: [HeaderID] = []
        for id in HeaderID.allCases where id != .other {
            var forms = [ByteString(id.name).lowercased().bytes]
            if let letter = id.compactName { forms.append([letter]) }
            for form in forms {
                var slot = Self.hash(first: form[0], last: form[form.count - 1], count: form.count)
                while slots[slot] != Self.free { slot = (slot + 1) % Self.slotCount }
                slots[slot] = UInt8(ids.count)
                ids.append(id)
                names += form
                starts.append(UInt16(names.count))
            }
        }
        precondition(ids.count < Int(Self.free), "HeaderNameTable: more names than a slot can number")
        self.slots = slots
        self.starts = starts
        self.names = names
        self.ids = ids
    }

    @inline(__always)
    private static func hash(first: UInt8, last: UInt8, count: Int) -> Int {
        (Int(first | 0x20) &* 37 &+ Int(last | 0x20) &* 5 &+ count &* 101) & (slotCount - 1)
    }

    /// The id of the name at `lower..<upper`, `other` when it is not known.
    func find(_ bytes: Span<UInt8>, _ lower: Int, _ upper: Int) -> HeaderID {
        guard lower < upper else { return .other }
        let slots = slots.span
        let starts = starts.span
        let names = names.span
        let count = upper &- lower
        var slot = Self.hash(first: bytes[lower], last: bytes[upper &- 1], count: count)
        while slots[slot] != Self.free {
            let entry = Int(slots[slot])
            let start = Int(starts[entry])
            if Int(starts[entry &+ 1]) &- start == count {
                var index = 0
                while index < count, ASCII.lowercased(bytes[lower &+ index]) == names[start &+ index] { index &+= 1 }
                if index == count { return ids[entry] }
            }
            slot = (slot &+ 1) & (Self.slotCount &- 1)
        }
        return .other
    }
}

extension HeaderID {
    /// The id of a header name in any case or in its compact form; `other` when it is not known. No allocation.
    package init(name: ByteString) {
        self = HeaderNameTable.shared.find(name.storage.span, name.range.start, name.range.end)
    }
}
