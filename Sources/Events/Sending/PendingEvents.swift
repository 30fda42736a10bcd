import CPlatform

/// Events that wait for one subscriber that is slow to read. Bounded in bytes.
struct PendingEvents {
    private(set) var bytes: [UInt8] = []
    private(set) var slices: [cplatform_slice] = []
    /// Index in ``slices`` of the first that still waits.
    private var first = 0
    private let bytesMax: Int

    init(bytesMax: Int) { self.bytesMax = bytesMax }

    var isEmpty: Bool { first == slices.count }
    var waiting: ArraySlice<cplatform_slice> { slices[first...] }
    var count: Int { slices.count - first }

    /// Takes a copy; `false` when there is no room.
    mutating func append(_ event: ArraySlice<UInt8>) -> Bool {
        if bytes.count + event.count > bytesMax { compact() }
        guard bytes.count + event.count <= bytesMax else { return false }
        slices.append(cplatform_slice(start: UInt32(bytes.count), length: UInt32(event.count)))
        bytes.append(contentsOf: event)
        return true
    }

    mutating func removeFirst(_ count: Int) {
        first += count
        if isEmpty { removeAll() }
    }

    mutating func removeAll() {
        bytes.removeAll(keepingCapacity: true)
        slices.removeAll(keepingCapacity: true)
        first = 0
    }

    private mutating func compact() {
        guard first > 0, let start = waiting.first?.start else { return }
        bytes.removeFirst(Int(start))
        slices.removeFirst(first)
        first = 0
        for index in slices.indices { slices[index].start -= start }
    }
}

extension cplatform_slice {
    var range: Range<Int> { Int(start)..<Int(start) + Int(length) }
}
