import CPlatform
import JSONRPC

/// Formatted events that go out together: one run of bytes, where each begins, and which event each is.
struct MessageBatch {
    struct Entry: BitwiseCopyable {
        var event: EventID
        var slice: cplatform_slice
        /// The session of a record; 0 for other events.
        var session: UInt64
        var isStart: Bool
    }

    var formatter: EventFormatter
    private(set) var entries: [Entry] = []

    static let entriesMax = Int(CPLATFORM_SLICES_MAX)

    init(_ format: EventFormat = EventFormat()) {
        formatter = EventFormatter(format)
        entries.reserveCapacity(Self.entriesMax)
    }

    var isFull: Bool { entries.count >= Self.entriesMax }
    var isEmpty: Bool { entries.isEmpty }
    var bytes: [UInt8] { formatter.writer.bytes }

    /// Ends the event that was just written to ``formatter``. One that is too long is taken back: `false`.
    mutating func finish(_ event: EventID, session: UInt64 = 0, isStart: Bool = false) -> Bool {
        let start = entries.last?.slice.range.upperBound ?? 0
        guard formatter.count - start <= EventLimits.eventBytesMax else {
            formatter.truncate(to: start)
            return false
        }
        entries.append(
            Entry(
                event: event,
                slice: cplatform_slice(start: UInt32(start), length: UInt32(formatter.count - start)),
                session: session, isStart: isStart))
        return true
    }

    mutating func removeAll() {
        formatter.removeAll()
        entries.removeAll(keepingCapacity: true)
    }
}
