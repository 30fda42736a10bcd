/// One who hands records to the outside: a bounded queue between the collector, which never waits for it, and a
/// thread of its own, or any other that takes from it.
///
/// Of a session it gets `start` and `end` or nothing at all; when the queue is full, what is between may be missing and
/// the `end` says so. It never gets a part of a session that began before it was attached.
public final class Consumer: Sendable {
    /// For management: `events`, `OTLP`, …
    public let name: String
    /// How many records wait at most, the ends of sessions that are open included.
    public let queueRecordsMax: Int

    /// How many records wait at most unless told otherwise.
    public static let queueRecordsMaxDefault = 16_384

    private let onAvailable: (@Sendable () -> Void)?
    private let monitor = Monitor()
    private let contents: Guarded<ConsumerQueue>

    /// A consumer; it gets nothing before `Profiler.attach`.
    ///
    /// `onAvailable` is called on the collector's thread when records have come into an empty queue; it must not wait
    /// nor call the profiler (wake an event loop, submit a job). Who waits in `next` needs none.
    public init(
        name: String, queueRecordsMax: Int = Consumer.queueRecordsMaxDefault,
        onAvailable: (@Sendable () -> Void)? = nil
    ) {
        self.name = name
        self.queueRecordsMax = max(queueRecordsMax, 4)
        self.onAvailable = onAvailable
        contents = Guarded(ConsumerQueue(recordsMax: max(queueRecordsMax, 4)))
    }

    /// Takes what is there, without waiting; empty when nothing is.
    public func take() -> [ProfilingRecord] {
        monitor.withLock { contents.value.take() }
    }

    /// Waits for records and takes them. None when the consumer has been detached and everything was taken.
    public func next() -> [ProfilingRecord]? {
        monitor.withLock {
            while contents.value.isEmpty {
                if contents.value.isClosed { return nil }
                monitor.wait()
            }
            return contents.value.take()
        }
    }

    /// The same, but waits no longer than that; empty when the time is over.
    public func next(nanoseconds: UInt64) -> [ProfilingRecord]? {
        monitor.withLock {
            if contents.value.isEmpty, !contents.value.isClosed { monitor.wait(nanoseconds: nanoseconds) }
            return contents.value.isEmpty && contents.value.isClosed ? nil : contents.value.take()
        }
    }

    /// What it wants now.
    public var interest: Interest { monitor.withLock { contents.value.interest } }

    /// What it did not get.
    public var losses: ConsumerLosses { monitor.withLock { contents.value.losses } }

    /// Records delivered into the queue since the beginning.
    public var delivered: UInt64 { monitor.withLock { contents.value.delivered } }

    /// Records in the queue now.
    public var waiting: Int { monitor.withLock { contents.value.count } }

    // MARK: The profiler's side

    func open(interest: Interest, generation: UInt64, now: UInt64) {
        monitor.withLock { contents.value.open(interest: interest, generation: generation, now: now) }
    }

    func close() {
        monitor.withLock {
            contents.value.close()
            monitor.notifyAll()
        }
    }

    /// Puts a batch in. Called by the collector only.
    func deliver(_ batch: [Delivery], lost: ConsumerLosses, now: UInt64) {
        let wasWoken = monitor.withLock {
            let wasEmpty = contents.value.isEmpty
            contents.value.deliver(batch, lost: lost, now: now)
            guard wasEmpty, !contents.value.isEmpty else { return false }
            monitor.notifyAll()
            return true
        }
        if wasWoken { onAvailable?() }
    }
}

/// A value that a `Monitor` beside it guards.
final class Guarded<Value>: @unchecked Sendable {
    // @unchecked: whoever holds it looks at `value` under its monitor only.
    var value: Value
    init(_ value: Value) { self.value = value }
}
