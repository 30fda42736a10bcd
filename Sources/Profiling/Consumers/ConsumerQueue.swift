/// A record on its way to the consumers: which of them get it depends on when its session began.
struct Delivery {
    var record: ProfilingRecord
    /// The generation of consumers that was current when the session was first seen.
    var generation: UInt64
    /// Whether annotations were wanted when the pass of its session began.
    var isAnnotated = false
}

/// The queue of one consumer: pure rules, guarded by the consumer.
///
/// Invariant: what waits and the sessions that are open together fit `recordsMax`, so that an `end` always has a place.
struct ConsumerQueue {
    let recordsMax: Int
    private(set) var interest: Interest = []
    private(set) var losses = ConsumerLosses()
    private(set) var delivered: UInt64 = 0
    private(set) var isClosed = false

    private var records: [ProfilingRecord] = []
    private var generation: UInt64 = 0
    /// What it wanted before, oldest first: still holds for sessions that began then.
    private var earlier: [Wish] = []
    private var now: UInt64 = 0
    /// Sessions whose `start` was delivered and whose `end` was not.
    private var open: [UInt64: Open] = [:]

    private struct Open {
        var start: ProfilingRecord
        /// Time of what was delivered last.
        var lastNanoseconds: Int64
        /// Something of it was lost since.
        var isCut = false
    }

    /// How long it may take until the passes that were under way when an interest ended have shown: a process that the
    /// machine does not let run, and a round of the collector.
    static let graceNanoseconds: UInt64 = 250_000_000

    /// How many changes of what it wants are remembered: more than fall into one pass of a process.
    static let wishesMax = 64

    /// What it wanted, since which generation, and how long a session that began then may take to show (monotonic nanoseconds).
    private struct Wish {
        var interest: Interest
        var generation: UInt64
        var until: UInt64
    }

    init(recordsMax: Int) { self.recordsMax = recordsMax }

    var isEmpty: Bool { records.isEmpty }
    var count: Int { records.count }

    /// Sets what is wanted, for sessions first seen in that generation or later.
    mutating func open(interest: Interest, generation: UInt64, now: UInt64 = 0) {
        if isClosed {
            earlier = []
        } else {
            if earlier.count == ConsumerQueue.wishesMax { earlier.removeFirst() }
            earlier.append(
                Wish(
                    interest: self.interest, generation: self.generation, until: now + ConsumerQueue.graceNanoseconds))
        }
        self.interest = interest
        self.generation = generation
        isClosed = false
    }

    /// Ends what is open, as truncated: nothing more comes.
    mutating func close() {
        isClosed = true
        for session in open.values.sorted(by: { $0.start.nanoseconds > $1.start.nanoseconds }) {
            var end = session.start
            end.nanoseconds = session.lastNanoseconds
            end.verb = .end
            end.parent = nil
            end.link = nil
            append(end, isTruncated: true)
        }
        open.removeAll()
    }

    mutating func take() -> [ProfilingRecord] {
        guard !records.isEmpty else { return [] }
        var taken: [ProfilingRecord] = []
        swap(&taken, &records)
        return taken
    }

    mutating func deliver(_ batch: [Delivery], lost: ConsumerLosses, now: UInt64 = 0) {
        self.now = now
        if mayConcern {
            losses.overrun += lost.overrun
            losses.orphaned += lost.orphaned
        }
        for delivery in batch { deliver(delivery) }
    }

    /// Whether what others lost may have been for it: not while it wants nothing and has nothing open.
    private var mayConcern: Bool {
        !interest.isEmpty || !open.isEmpty || earlier.contains { now <= $0.until && !$0.interest.isEmpty }
    }

    private mutating func deliver(_ delivery: Delivery) {
        let record = delivery.record
        guard record.verb != .start else { return start(delivery) }
        guard let session = open[record.session] else {
            if isDue(delivery) { losses.queueFull += 1 }
            return
        }
        if record.verb == .end {
            open[record.session] = nil
            append(record, isTruncated: session.isCut)
        } else if !session.isCut, hasRoom(for: 1) {
            open[record.session]?.lastNanoseconds = record.nanoseconds
            append(record, isTruncated: false)
        } else {
            open[record.session]?.isCut = true
            losses.queueFull += 1
        }
    }

    private mutating func start(_ delivery: Delivery) {
        guard isDue(delivery) else { return }
        guard hasRoom(for: 2) else {
            losses.queueFull += 1
            return
        }
        open[delivery.record.session] = Open(
            start: delivery.record, lastNanoseconds: delivery.record.nanoseconds)
        append(delivery.record, isTruncated: false)
    }

    private mutating func append(_ record: ProfilingRecord, isTruncated: Bool) {
        records.append(record)
        if isTruncated { records[records.count - 1].isTruncated = true }
        delivered += 1
    }

    private func hasRoom(for count: Int) -> Bool { records.count + open.count + count <= recordsMax }

    private func isDue(_ delivery: Delivery) -> Bool {
        // Who wants annotations has no use for a session that was recorded, for somebody else, without them.
        let wanted = { (interest: Interest) in
            !interest.isDisjoint(with: delivery.record.producer == .script ? .script : .process)
                && (delivery.isAnnotated || !interest.contains(.annotations))
        }
        if delivery.generation >= generation {
            if wanted(interest) { return true }
            // Nobody else may want it, so that it was recorded for this consumer: whole, like all others.
            return earlier.last.map { now <= $0.until && wanted($0.interest) } ?? false
        }
        // Inside a session that was first seen in an earlier generation, and began in that or in the one before.
        guard let index = earlier.lastIndex(where: { $0.generation <= delivery.generation }) else { return false }
        return earlier[max(0, index - 1)...index].contains { wanted($0.interest) }
    }
}
