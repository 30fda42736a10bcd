import Glibc
import Synchronization

/// Owns the processes' rings, their levels, the consumers, and the thread that brings records from the ones to the
/// others.
///
/// Any thread may call it. None of its methods is for a hot path: they take locks, never those of a process.
public final class Profiler: Sendable {
    /// Process ids are below this: nine bits of a session's id.
    public static let processesMax = 512
    /// How many records the ring of a process holds unless told otherwise: 512 KiB.
    public static let ringRecordsDefault = 32_768
    /// How many bytes of annotations a process holds unless told otherwise.
    public static let annotationBytesDefault = 262_144
    /// How long the collector sleeps between two rounds while somebody listens.
    public static let roundNanoseconds: UInt64 = 10_000_000
    /// Processes that were taken away and wait for the collector at most; for one more a round is made at once.
    static let leavingMax = 16
    /// Ring positions between two processes of one id: more records than a process can still write after it was taken away.
    static let positionsApart: UInt64 = 1 << 24
    /// After so many quiet rounds the collector sleeps until it is woken.
    static let quietRoundsMax = 5

    /// The sites that records of its processes name.
    public let sites: SiteTable
    private let ringRecords: Int
    private let annotationBytes: Int
    private let clock: TickSource
    private let state: Guarded<ProfilerState>
    /// Guards `state` and wakes the collector.
    private let monitor = Monitor()
    /// Held while a round is made; taken before `monitor`.
    private let collection: Locked<CollectionState>

    /// A profiler without processes. Nothing runs before `start`.
    public convenience init(
        sites: SiteTable = .shared, ringRecords: Int = Profiler.ringRecordsDefault,
        annotationBytes: Int = Profiler.annotationBytesDefault
    ) {
        self.init(sites: sites, ringRecords: ringRecords, annotationBytes: annotationBytes, clock: .system)
    }

    /// The same on another clock.
    package init(
        sites: SiteTable = .shared, ringRecords: Int = Profiler.ringRecordsDefault,
        annotationBytes: Int = Profiler.annotationBytesDefault, clock: TickSource
    ) {
        self.sites = sites
        self.ringRecords = ringRecords
        self.annotationBytes = annotationBytes
        self.clock = clock
        state = Guarded(ProfilerState())
        collection = Locked(CollectionState(calibrator: Calibrator(clock: clock)))
    }

    // MARK: Processes

    /// Adds a process and gives the probe that its thread shall speak into. `id` must be free and below
    /// `processesMax`; without one the lowest free id is taken. Its level is `off`.
    public func addProcess(id: Int? = nil, description: String, type: Int) -> Probe {
        monitor.withLock {
            let id = id ?? state.value.freeID
            precondition((0..<Profiler.processesMax).contains(id), "process id \(id) is not in 0..<512")
            precondition(state.value.index(of: id) == nil, "process id \(id) is taken")
            let probe = Probe(
                process: id, ringRecords: ringRecords, ringStart: state.value.ringStarts[id] ?? 1,
                annotationBytes: annotationBytes, clock: clock)
            let reader = ProcessReader(probe: probe, type: type, sites: sites)
            state.value.insert(
                ProcessEntry(
                    id: id, description: description, type: type, held: HeldLevel(.off), probe: probe, reader: reader))
            return probe
        }
    }

    /// Takes a process away that has ended or is about to. Its id is free from then on; the sessions of the next one with it have
    /// other ids. Those that it left open are closed as truncated in the collector's next round.
    public func removeProcess(id: Int) {
        let isFull = monitor.withLock {
            guard let index = state.value.index(of: id) else { return false }
            let entry = state.value.processes.remove(at: index)
            entry.probe.wanted.store(0, ordering: .relaxed)
            state.value.ringStarts[id] = entry.probe.ring.head + Profiler.positionsApart
            guard !state.value.consumers.isEmpty else { return false }
            state.value.leaving.append(entry)
            monitor.notifyAll()
            return state.value.leaving.count > Profiler.leavingMax
        }
        if isFull { collect() }
    }

    /// All processes by id.
    public var processes: [ProcessStatus] {
        monitor.withLock {
            state.value.processes.map { entry in
                ProcessStatus(
                    id: entry.id, description: entry.description, type: entry.type, level: entry.level,
                    written: entry.probe.ring.written, overrun: entry.reader.overrun.load(ordering: .relaxed),
                    orphaned: entry.reader.orphaned.load(ordering: .relaxed))
            }
        }
    }

    // MARK: Levels

    /// Sets the level of one process, or of all; takes effect at the next `begin` there. Ends what held another one. False when
    /// there is no such process.
    @discardableResult
    public func setLevel(_ level: Level, process id: Int? = nil) -> Bool {
        changeLevels(id) {
            $0.set(level)
            return true
        }
    }

    /// Keeps the level of one process, or of all, at `level` at least, until the time is over, it is let go, or somebody sets a
    /// level. Holding again replaces what the holder held. False when there is no such process, or it has too many holders.
    @discardableResult
    package func hold(_ level: Level, process id: Int? = nil, holder: String, nanoseconds: UInt64? = nil) -> Bool {
        let end = nanoseconds.map { clock.reading().monotonicNanoseconds + $0 }
        let hold = LevelHold(holder: holder, level: level, endsAtNanoseconds: end)
        return changeLevels(id) { $0.hold(hold) }
    }

    /// Lets go what a holder held of one process, or of all: they are as they would be without it.
    package func release(holder: String, process id: Int? = nil) {
        changeLevels(id) {
            $0.release(holder)
            return true
        }
    }

    /// What was set for a process, and who holds it at another level with the seconds that are left; nil when there is no such
    /// process.
    package func holds(process id: Int) -> (own: Level, holds: [(hold: LevelHold, secondsLeft: Int?)])? {
        let now = clock.reading().monotonicNanoseconds
        return monitor.withLock {
            state.value.index(of: id).map { index in
                let held = state.value.processes[index].held
                return (
                    held.own,
                    held.holds.map { hold in
                        (hold, hold.endsAtNanoseconds.map { Int($0 > now ? ($0 - now) / 1_000_000_000 : 0) })
                    }
                )
            }
        }
    }

    @discardableResult
    private func changeLevels(_ id: Int?, _ change: (inout HeldLevel) -> Bool) -> Bool {
        monitor.withLock {
            var chosen = state.value.processes.indices
            if let id {
                guard let index = state.value.index(of: id) else { return false }
                chosen = index..<index + 1
            }
            var isDone = true
            for index in chosen where !change(&state.value.processes[index].held) { isDone = false }
            applyInterest()
            return isDone
        }
    }

    /// The level of a process; none when there is no such process.
    public func level(process id: Int) -> Level? {
        monitor.withLock { state.value.index(of: id).map { state.value.processes[$0].level } }
    }

    // MARK: Consumers

    /// Begins to give records to a consumer: sessions that begin from now on. Attaching again changes what it wants, for
    /// sessions that begin then: `wants: []` lets it see the ends of those that are open, and costs nothing from then on. What
    /// it wanted before it still gets for the moment (``ConsumerQueue/graceNanoseconds``) in which sessions may show that began
    /// then.
    ///
    /// `wants` is any of `.process` (how much of it speaks is up to the levels), `.script` and `.annotations`.
    public func attach(_ consumer: Consumer, wants: Interest) {
        var wants = wants
        if !wants.isDisjoint(with: .process) { wants.formUnion(.process) }
        let now = clock.reading().monotonicNanoseconds
        collection.withLock { _ in
            monitor.withLock {
                if state.value.consumers.isEmpty {
                    for entry in state.value.processes { entry.reader.skipToPresent() }
                    state.value.leaving = []
                }
                state.value.generation += 1
                consumer.open(interest: wants, generation: state.value.generation, now: now)
                if !state.value.consumers.contains(where: { $0 === consumer }) {
                    state.value.consumers.append(consumer)
                }
                applyInterest()
            }
        }
    }

    /// Ends giving records to a consumer; sessions that are open end for it as truncated, and what waits in its queue may
    /// still be taken.
    public func detach(_ consumer: Consumer) {
        collection.withLock { _ in
            monitor.withLock {
                state.value.consumers.removeAll { $0 === consumer }
                applyInterest()
            }
        }
        consumer.close()
    }

    /// All consumers, for a listing of their losses.
    public var consumers: [Consumer] { monitor.withLock { state.value.consumers } }

    /// Keeps the rings filled also while no consumer is attached, for `flightRecord`. Costs the processes their records,
    /// and no thread.
    public func keepFlightRecord(of wants: Interest) {
        monitor.withLock {
            state.value.recorderInterest = wants.isDisjoint(with: .process) ? wants : wants.union(.process)
            applyInterest()
        }
    }

    /// What the ring of a process still holds, oldest first: the last seconds before now. Sessions that began earlier
    /// are left out, those that are still going on have no `end`. Any thread, at any time; the process does not notice.
    public func flightRecord(process id: Int) -> [ProfilingRecord] {
        guard let entry = monitor.withLock({ state.value.index(of: id).map { state.value.processes[$0] } }) else {
            return []
        }
        let calibration = collection.withLock { $0.calibrator.update() }
        var decoder = SessionDecoder(process: id, type: entry.type, table: sites)
        var raw: [RawRecord] = []
        var out: [Delivery] = []
        var position = entry.probe.ring.read(from: 1, limit: Int(entry.probe.ring.capacity), into: &raw)
        for record in raw {
            decoder.decode(
                record, position: position, calibration: calibration, generation: 0, bytes: entry.probe.annotations,
                into: &out)
            position += 1
        }
        return out.map(\.record)
    }

    /// Recomputes what each process shall record. Called under the monitor, when a consumer or a level changed.
    private func applyInterest() {
        let wants = state.value.wants
        for entry in state.value.processes { entry.apply(wants) }
        monitor.notifyAll()
    }

    // MARK: Collecting

    /// Starts the collector's thread; once.
    public func start() {
        monitor.withLock {
            guard state.value.thread == nil, !state.value.isStopping else { return }
            state.value.thread = Thread.spawn(name: "profiling") { self.run() }
        }
    }

    /// Ends the collector's thread after a last round, closes sessions still open and detaches all consumers. Waits for
    /// one round at most.
    public func stop() {
        let thread = monitor.withLock {
            state.value.isStopping = true
            monitor.notifyAll()
            defer { state.value.thread = nil }
            return state.value.thread
        }
        thread?.join()
        collect()
        for consumer in consumers { detach(consumer) }
    }

    /// Makes one round on the calling thread: what is in the rings goes to the consumers. For programs that do not `start`
    /// the thread, and for tests.
    public func collect() { _ = round() }

    /// Whether the collector's thread sleeps until somebody listens.
    var isAsleep: Bool { monitor.withLock { state.value.isAsleep } }

    /// What a round found.
    private struct Round {
        /// A session is open somewhere.
        var isOpen = false
        /// Some ring was filled by a good part: the next round shall not wait.
        var isPressed = false
    }

    private func round() -> Round {
        collection.withLock { collection in
            let (processes, leaving) = monitor.withLock {
                collection.consumers = state.value.consumers
                collection.generation = state.value.generation
                defer { state.value.leaving = [] }
                return (state.value.processes, state.value.leaving)
            }
            defer { collection.consumers = [] }
            guard !collection.consumers.isEmpty else { return Round() }
            let calibration = collection.calibrator.update()
            collection.now = clock.reading().monotonicNanoseconds
            var result = Round()
            // Before the others, to one of which the id may belong now.
            for entry in leaving {
                _ = read(entry, calibration, &collection)
                collection.batch.removeAll(keepingCapacity: true)
                entry.reader.cut(into: &collection.batch)
                collection.deliver(ConsumerLosses())
            }
            for entry in processes {
                let count = read(entry, calibration, &collection)
                result.isOpen = result.isOpen || entry.reader.isOpen
                result.isPressed = result.isPressed || count > Int(entry.probe.ring.capacity) / 4
            }
            return result
        }
    }

    /// Brings what is in the ring of a process to the consumers, a ring's worth at most; says how many records that were.
    private func read(
        _ entry: ProcessEntry, _ calibration: Calibration, _ collection: inout CollectionState
    ) -> Int {
        var total = 0
        var count = 0
        repeat {
            var lost = ConsumerLosses()
            collection.batch.removeAll(keepingCapacity: true)
            count = entry.reader.read(
                calibration: calibration, generation: collection.generation, into: &collection.batch, lost: &lost)
            guard !collection.batch.isEmpty || lost.total > 0 else { break }
            collection.deliver(lost)
            total += count
        } while count == ProcessReader.batchRecords && total < Int(entry.probe.ring.capacity)
        return total
    }

    /// The collector's thread: rounds while somebody listens, else asleep.
    private func run() {
        var quietRounds = 0
        while !monitor.withLock({ state.value.isStopping }) {
            let result = round()
            if result.isPressed { continue }
            monitor.withLock {
                guard !state.value.isStopping else { return }
                let isQuiet = !result.isOpen && !state.value.isListenedTo && state.value.leaving.isEmpty
                quietRounds = isQuiet ? quietRounds + 1 : 0
                let now = clock.reading().monotonicNanoseconds
                if state.value.endOverdueHolds(at: now) { applyInterest() }
                if quietRounds > Profiler.quietRoundsMax {
                    state.value.isAsleep = true
                    if let end = state.value.holdEnd { monitor.wait(nanoseconds: end - now) } else { monitor.wait() }
                    state.value.isAsleep = false
                    quietRounds = 0
                } else {
                    monitor.wait(nanoseconds: Profiler.roundNanoseconds)
                }
            }
        }
    }
}

/// What a round needs, guarded by the collection lock.
private struct CollectionState: ~Copyable {
    var calibrator: Calibrator
    var batch: [Delivery] = []
    /// When the round began, monotonic.
    var now: UInt64 = 0
    /// Who is there in this round, and the generation of what is read now.
    var consumers: [Consumer] = []
    var generation: UInt64 = 0

    func deliver(_ lost: ConsumerLosses) {
        for consumer in consumers { consumer.deliver(batch, lost: lost, now: now) }
    }
}
