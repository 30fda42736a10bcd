import Glibc
import Synchronization
import Testing

@testable import Profiling

/// A writer, the collector and readers on threads of their own. Run under ThreadSanitizer too:
/// `swift test --sanitize=thread --filter ProfilingTests --scratch-path .build-tsan`.
@Suite struct ThreadTests {
    /// Every word of the ring is derived from its position: a torn or stale one would show.
    @Test func aSlowReaderOfARingSeesWholeRecordsOrNone() {
        let ring = RecordRing(capacity: 256)
        let isDone = Atomic<Bool>(false)
        let total: UInt64 = 300_000
        withThreads {
            for position in 1...total { ring.append(ticks: position &* 0x9E37_79B9_7F4A_7C15, word: ~position) }
            isDone.store(true, ordering: .releasing)
        } other: {
            var raw: [RawRecord] = []
            var position: UInt64 = 1
            var seen: UInt64 = 0
            var lost: UInt64 = 0
            var isLast = false
            repeat {
                isLast = isDone.load(ordering: .acquiring)
                let first = ring.read(from: position, limit: 100, into: &raw)
                lost += first - position
                position = first
                for record in raw {
                    if record.word != ~position || record.ticks != position &* 0x9E37_79B9_7F4A_7C15 {
                        Issue.record("record \(position) is torn")
                        return
                    }
                    position += 1
                }
                seen += UInt64(raw.count)
            } while !(isLast && raw.isEmpty)
            #expect(position == total + 1)
            #expect(seen + lost == total)
        }
    }

    @Test func consumersOnThreadsGetBalancedSessionsWhateverTheyLose() {
        let profiler = Profiler(ringRecords: 4096)
        let bench = Bench()
        let probes = (0..<2).map { (id: Int) in profiler.addProcess(id: id, description: "worker", type: 1) }
        let quick = Consumer(name: "quick", queueRecordsMax: 100_000)
        let slow = Consumer(name: "slow", queueRecordsMax: 64)
        profiler.attach(quick, wants: [.process, .script])
        profiler.attach(slow, wants: [.process, .script])
        profiler.setLevel(.timers)
        profiler.start()
        let passes = 20_000
        let readers = [quick, slow].map { consumer in
            (
                consumer,
                Thread.spawn(name: consumer.name) {
                    var balance = Balance()
                    while let records = consumer.next() { balance.add(records) }
                    #expect(balance.isBalanced)
                    #expect(balance.sessions.count > 0)
                }
            )
        }
        let writers = probes.map { probe in
            Thread.spawn(name: "writer") {
                for pass in 0..<passes {
                    probe.begin(bench.process)
                    probe.enter(bench.job)
                    probe.startScript(bench.route)
                    probe.endScript(bench.route)
                    if pass % 1000 == 0 { profiler.setLevel(pass % 2000 == 0 ? .stack : .off, process: 1) }
                    probe.exit(bench.job)
                    probe.end()
                }
            }
        }
        for writer in writers { writer.join() }
        profiler.stop()
        for (_, reader) in readers { reader.join() }
        for consumer in [quick, slow] {
            let written = profiler.processes.reduce(0) { $0 + $1.written }
            #expect(consumer.delivered + consumer.losses.total >= written)
        }
    }

    @Test func theCollectorWakesForAConsumerAndDeliversUnasked() {
        let profiler = Profiler()
        profiler.start()
        let bench = Bench()
        let probe = profiler.addProcess(description: "worker", type: 1)
        let consumer = Consumer(name: "live")
        profiler.attach(consumer, wants: .process)
        profiler.setLevel(.stack)
        probe.begin(bench.process)
        probe.enter(bench.job)
        probe.exit(bench.job)
        probe.end()
        var records: [ProfilingRecord] = []
        while records.count < 4, let more = consumer.next() { records += more }
        #expect(records.map(\.verb) == [.start, .enter, .exit, .end])
        profiler.stop()
        #expect(consumer.next() == nil)
    }

    @Test func processesComeAndGoUnderOneID() {
        let profiler = Profiler(ringRecords: 1024)
        let bench = Bench()
        let consumer = Consumer(name: "live")
        profiler.attach(consumer, wants: .process)
        profiler.start()
        let reader = Thread.spawn(name: "reader") {
            var balance = Balance()
            while let records = consumer.next() { balance.add(records) }
            #expect(balance.isBalanced && balance.sessions.count >= 500)
        }
        for number in 0..<100 {
            let probe = profiler.addProcess(id: 3, description: "worker", type: 1)
            profiler.setLevel(.stack)
            let writer = Thread.spawn(name: "writer") {
                for _ in 0..<10 {
                    probe.begin(bench.process)
                    probe.enter(bench.job)
                    probe.exit(bench.job)
                    probe.end()
                }
            }
            // Some are taken away before they have ended.
            if number.isMultiple(of: 2) { writer.join() }
            profiler.removeProcess(id: 3)
            if !number.isMultiple(of: 2) { writer.join() }
        }
        profiler.stop()
        reader.join()
    }

    @Test func theCollectorSleepsWhileNobodyListens() {
        let profiler = Profiler()
        let bench = Bench()
        let probe = profiler.addProcess(description: "worker", type: 1)
        profiler.start()
        waitUntil { profiler.isAsleep }
        let consumer = Consumer(name: "live")
        profiler.attach(consumer, wants: .process)
        // Attached, but all processes are at level 0.
        waitUntil { profiler.isAsleep }
        profiler.setLevel(.stack)
        waitUntil { !profiler.isAsleep }
        // The level falls in the middle of a session: the collector stays up for its end.
        probe.begin(bench.process)
        probe.enter(bench.job)
        profiler.setLevel(.off)
        #expect(consumer.next()?.map(\.verb) == [.start, .enter])
        probe.exit(bench.job)
        probe.end()
        #expect(consumer.next()?.last?.verb == .end)
        waitUntil { profiler.isAsleep }
        profiler.stop()
    }

    @Test func annotationsAreWholeOrMissing() {
        let profiler = Profiler(ringRecords: 1024, annotationBytes: 8192)
        let bench = Bench()
        let probe = profiler.addProcess(description: "worker", type: 1)
        let consumer = Consumer(name: "bytes")
        profiler.attach(consumer, wants: [.process, .annotations])
        profiler.setLevel(.stack)
        profiler.start()
        let writer = Thread.spawn(name: "writer") {
            for pass in 0..<20_000 {
                let bytes = [UInt8](repeating: UInt8(truncatingIfNeeded: pass), count: 1 + pass % 300)
                probe.begin(bench.process)
                probe.enter(bench.job)
                bytes.withUnsafeBytes { probe.annotate(UInt16(truncatingIfNeeded: pass), $0) }
                probe.exit(bench.job)
                probe.end()
            }
        }
        let reader = Thread.spawn(name: "reader") {
            var whole = 0
            while let records = consumer.next() {
                for note in records.flatMap(\.annotations) {
                    whole += 1
                    let isWhole = note.bytes.allSatisfy { $0 == UInt8(truncatingIfNeeded: note.key) }
                    if !isWhole || note.bytes.isEmpty { Issue.record("annotation \(note.key) is torn") }
                }
            }
            #expect(whole > 0)
        }
        writer.join()
        profiler.stop()
        reader.join()
    }

    /// Waits for what must come, at most five seconds.
    private func waitUntil(_ condition: () -> Bool) {
        let start = TickSource.system.reading().monotonicNanoseconds
        while !condition() {
            if TickSource.system.reading().monotonicNanoseconds - start > 5_000_000_000 {
                Issue.record("it did not happen within 5 s")
                return
            }
            usleep(500)
        }
    }

    /// Runs one body on a thread and the other here.
    private func withThreads(_ body: @escaping @Sendable () -> Void, other: () -> Void) {
        let thread = Thread.spawn(name: "writer", run: body)
        other()
        thread.join()
    }
}

/// Whether each session has one start and one end, and what is whole has as many exits as enters.
struct Balance {
    private(set) var sessions: Set<UInt64> = []
    private(set) var isBalanced = true
    private var depths: [UInt64: Int] = [:]

    mutating func add(_ records: [ProfilingRecord]) {
        for record in records {
            switch record.verb {
            case .start:
                if !sessions.insert(record.session).inserted { isBalanced = false }
                depths[record.session] = 0
            case .enter, .exit:
                guard let depth = depths[record.session] else {
                    isBalanced = false
                    continue
                }
                depths[record.session] = depth + (record.verb == .enter ? 1 : -1)
            case .end:
                let depth = depths.removeValue(forKey: record.session)
                if depth == nil || (depth != 0 && !record.isTruncated) { isBalanced = false }
            }
        }
    }
}
