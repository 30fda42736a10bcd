import Testing

@testable import Profiling

/// Who gets what, and what is counted when somebody does not.
@Suite struct ConsumerTests {
    @Test func aConsumerGetsOnlyWhatItWants() {
        let bench = Bench(wants: .script)
        let processes = Consumer(name: "processes")
        bench.profiler.attach(processes, wants: .sip)
        bench.probe.begin(bench.process)
        bench.probe.enter(bench.job)
        bench.probe.startScript(bench.route)
        bench.probe.endScript(bench.route)
        bench.probe.exit(bench.job)
        bench.probe.end()
        #expect(bench.lines() == ["start relay 1", "end relay 1"])
        #expect(processes.take().map(\.producer) == [.process, .process, .process, .process])
        #expect(bench.consumer.losses.total == 0)
        #expect(processes.losses.total == 0)
    }

    @Test func nobodyGetsPartOfASession() {
        let bench = Bench()
        bench.probe.begin(bench.process)
        bench.probe.enter(bench.job)
        bench.profiler.collect()
        let late = Consumer(name: "late")
        bench.profiler.attach(late, wants: [.process, .script])
        bench.probe.exit(bench.job)
        bench.probe.end()
        bench.pass()
        #expect(bench.lines().count == 8)
        #expect(late.take().map(\.verb) == [.start, .enter, .exit, .end])
        #expect(late.losses.total == 0)
    }

    @Test func aFullQueueLosesTheMiddleAndSaysSo() {
        let bench = Bench(queueRecordsMax: 8)
        let other = Consumer(name: "other")
        bench.profiler.attach(other, wants: .process)
        bench.probe.begin(bench.process)
        for _ in 0..<10 {
            bench.probe.enter(bench.job)
            bench.probe.exit(bench.job)
        }
        bench.probe.end()
        bench.pass()
        let records = bench.records()
        #expect(records.count == 8)
        #expect(records.first?.verb == .start)
        #expect(records.last?.verb == .end)
        #expect(records.last?.isTruncated == true)
        // 22 + 4 written, 8 delivered.
        #expect(bench.consumer.losses.queueFull == 18)
        #expect(bench.consumer.delivered == 8)
        #expect(other.take().count == 26)
        #expect(other.losses.total == 0)
        // There is room again.
        bench.pass()
        #expect(bench.lines().count == 4)
    }

    @Test func aConsumerThatNeverReadsHoldsNobodyUp() {
        let bench = Bench(ringRecords: 64)
        let dead = Consumer(name: "dead", queueRecordsMax: 10)
        bench.profiler.attach(dead, wants: .process)
        for _ in 0..<100 {
            for _ in 0..<10 { bench.pass() }
            #expect(bench.records().count == 40)
        }
        #expect(bench.consumer.losses.total == 0)
        #expect(dead.waiting <= 10)
        #expect(dead.delivered + dead.losses.queueFull == 4000)
    }

    @Test func anOverrunRingCountsExactlyWhatWasLost() {
        let bench = Bench(ringRecords: 64)
        for _ in 0..<50 { bench.pass() }
        let records = bench.records()
        // 200 written; one slot of the 64 may be under the writer's hand.
        #expect(bench.consumer.losses.overrun == 200 - 63)
        #expect(UInt64(records.count) + bench.consumer.losses.orphaned == 63)
        #expect(records.first?.verb == .start)
        #expect(records.count % 4 == 0)
        #expect(bench.profiler.processes[0].overrun == 137)
        #expect(bench.profiler.processes[0].written == 200)
    }

    /// What others lose is not counted for who wants nothing, once no session can be under way for it any more.
    @Test func lossesAreOfThoseWhoWantSomething() {
        let bench = Bench(ringRecords: 16)
        let other = Consumer(name: "other")
        bench.profiler.attach(other, wants: .process)
        func overrun() -> [UInt64] {
            for _ in 0..<10 { bench.pass() }
            bench.profiler.collect()
            return [bench.consumer.losses.total, other.losses.total]
        }
        let first = overrun()
        #expect(first[0] > 0 && first[0] == first[1])
        bench.profiler.attach(bench.consumer, wants: [])
        let second = overrun()
        #expect(second[0] == second[1], "what began before may still show")
        bench.tick(ConsumerQueue.graceNanoseconds / 1000 + 1)
        let third = overrun()
        #expect(third[0] == second[0] && third[1] > second[1])
        bench.profiler.attach(bench.consumer, wants: .process)
        bench.probe.begin(bench.process)
        bench.probe.enter(bench.job)
        bench.profiler.collect()
        bench.profiler.attach(bench.consumer, wants: [])
        bench.tick(ConsumerQueue.graceNanoseconds / 1000 + 1)
        for _ in 0..<20 {
            bench.probe.exit(bench.job)
            bench.probe.enter(bench.job)
        }
        bench.probe.exit(bench.job)
        bench.probe.end()
        let fourth = overrun()
        #expect(fourth[0] > third[0], "a session is open for it")
        #expect(overrun()[0] == fourth[0])
    }

    @Test func aSessionCutByAnOverrunEndsTruncated() {
        let bench = Bench(ringRecords: 64)
        bench.probe.begin(bench.process)
        bench.probe.enter(bench.job)
        #expect(bench.lines() == ["start worker 1", "enter job 2"])
        for _ in 0..<100 {
            bench.probe.enter(bench.job)
            bench.probe.exit(bench.job)
        }
        bench.probe.exit(bench.job)
        bench.probe.end()
        #expect(bench.lines() == ["end worker 1 truncated"])
        bench.pass()
        #expect(bench.lines().count == 4)
    }

    @Test func aProcessThatStopsEndsItsSessions() {
        let bench = Bench()
        bench.probe.begin(bench.process)
        bench.probe.enter(bench.job)
        bench.profiler.removeProcess(id: 3)
        #expect(bench.lines() == ["start worker 1", "enter job 2", "end worker 1 truncated"])
        #expect(bench.profiler.processes.isEmpty)
        #expect(bench.profiler.addProcess(id: 3, description: "again", type: 1).process == 3)
    }

    /// The next process with an id begins at once, and no session of it has the id of one before.
    @Test func anIDIsFreeAtOnce() throws {
        let bench = Bench()
        var probes = [bench.probe]
        for _ in 0..<Profiler.leavingMax * 2 {
            let probe = try #require(probes.last)
            probe.begin(bench.process)
            probe.enter(bench.job)
            bench.profiler.removeProcess(id: 3)
            #expect(bench.profiler.processes.isEmpty)
            probes.append(bench.profiler.addProcess(id: 3, description: "next", type: 1))
            bench.profiler.setLevel(.stack)
            // The old one is still about to end.
            probe.exit(bench.job)
            probe.end()
            probe.begin(bench.process)
            probe.enter(bench.job)
            probe.exit(bench.job)
            probe.end()
        }
        let last = try #require(probes.last)
        last.begin(bench.process)
        last.enter(bench.job)
        last.exit(bench.job)
        last.end()
        let records = bench.records()
        let starts = records.filter { $0.verb == .start }.map(\.session)
        let ends = records.filter { $0.verb == .end }.map(\.session)
        #expect(starts.count == probes.count && Set(starts).count == starts.count && starts == ends)
        #expect(records.allSatisfy { $0.process == 3 })
        #expect(
            bench.profiler.flightRecord(process: 3).map(\.session) == [
                starts.last, starts.last, starts.last, starts.last,
            ])
        #expect(bench.profiler.processes.map(\.written) == [4])
    }

    /// Nobody listens when it goes: what it left is for nobody who comes later either.
    @Test func whatLeavesUnheardIsGone() {
        let bench = Bench()
        bench.probe.begin(bench.process)
        bench.probe.enter(bench.job)
        bench.profiler.removeProcess(id: 3)
        bench.profiler.detach(bench.consumer)
        bench.profiler.attach(bench.consumer, wants: .process)
        #expect(bench.records().isEmpty)
        let next = bench.profiler.addProcess(id: 3, description: "next", type: 1)
        bench.profiler.setLevel(.stack)
        bench.profiler.detach(bench.consumer)
        bench.profiler.removeProcess(id: 3)
        #expect(next.ring.written == 0 && bench.profiler.processes.isEmpty)
    }

    @Test func interestFollowsConsumersAndLevels() {
        let bench = Bench(level: .off)
        let read: () -> Interest = { Interest(rawValue: bench.probe.wanted.load(ordering: .relaxed)) }
        #expect(read() == .script)
        bench.profiler.setLevel(.extra, process: 3)
        #expect(read() == [.sip, .extra, .script])
        bench.profiler.attach(bench.consumer, wants: .annotations)
        #expect(read() == [])
        bench.profiler.attach(bench.consumer, wants: [.annotations, .timers])
        #expect(read() == [.sip, .extra, .annotations])
        bench.profiler.detach(bench.consumer)
        #expect(read() == [])
        bench.profiler.keepFlightRecord(of: .process)
        #expect(read() == [.sip, .extra])
        #expect(bench.profiler.level(process: 3) == .extra)
        #expect(bench.profiler.level(process: 4) == nil)
        #expect(!bench.profiler.setLevel(.off, process: 4))
    }

    @Test func aDetachedConsumerKeepsWhatItHas() {
        let bench = Bench()
        bench.pass()
        bench.profiler.collect()
        bench.profiler.detach(bench.consumer)
        #expect(bench.consumer.next()?.count == 4)
        #expect(bench.consumer.next() == nil)
        // Attached again it goes on; what is open when it leaves ends for it.
        bench.profiler.attach(bench.consumer, wants: .process)
        bench.probe.begin(bench.process)
        bench.probe.enter(bench.job)
        bench.profiler.collect()
        bench.tick(50)
        bench.probe.exit(bench.job)
        bench.profiler.detach(bench.consumer)
        bench.probe.end()
        #expect(bench.lines() == ["start worker 1", "enter job 2", "end worker 1 truncated"])
    }

    @Test func theFlightRecorderIsTheRingItself() {
        let bench = Bench(ringRecords: 64)
        bench.profiler.detach(bench.consumer)
        bench.pass()
        #expect(bench.profiler.flightRecord(process: 3).isEmpty)
        bench.profiler.keepFlightRecord(of: [.process, .script])
        for _ in 0..<50 { bench.pass() }
        bench.probe.begin(bench.process)
        bench.probe.enter(bench.job)
        let records = bench.profiler.flightRecord(process: 3)
        #expect(records.count > 50)
        #expect(records.first?.verb == .start)
        #expect(records.last.map(Bench.line) == "enter job 2")
        #expect(bench.profiler.flightRecord(process: 9).isEmpty)
        // Who attaches later gets nothing of the past.
        bench.profiler.attach(bench.consumer, wants: .process)
        bench.probe.exit(bench.job)
        bench.probe.end()
        #expect(bench.lines().isEmpty)
        #expect(bench.consumer.losses.total == 0)
    }

    @Test func annotationsComeWithWhatTheyAreAbout() {
        let bench = Bench(wants: [.process, .annotations])
        bench.probe.begin(bench.process)
        note(bench, 1, "too early")
        bench.probe.enter(bench.read)
        note(bench, 2, "INVITE")
        bench.probe.enter(bench.job)
        note(bench, 3, "a84b4c76e66710")
        bench.probe.exit(bench.job)
        note(bench, 4, String(repeating: "x", count: 3000))
        bench.probe.exit(bench.read)
        bench.probe.end()
        let records = bench.records()
        #expect(records.map { $0.annotations.map(\.key) } == [[], [], [], [3], [2, 4], []])
        #expect(records[3].annotations[0].bytes == Array("a84b4c76e66710".utf8))
        #expect(records[4].annotations[1].bytes.count == Probe.annotationBytesMax)
    }

    @Test func annotationsAreDroppedWhileNobodyAsks() {
        let bench = Bench(wants: .process)
        bench.probe.begin(bench.process)
        bench.probe.enter(bench.job)
        #expect(!bench.probe.wantsAnnotations)
        note(bench, 2, "INVITE")
        bench.probe.exit(bench.job)
        bench.probe.end()
        #expect(bench.records().allSatisfy { $0.annotations.isEmpty })
        #expect(bench.profiler.processes[0].written == 4)
    }

    /// A reader that comes too late for the notes, not for the records: the session says that something is missing.
    @Test func aSessionThatLostNotesSaysSo() {
        let bench = Bench(wants: [.process, .annotations], annotationBytes: 8192)
        for _ in 0..<12 {
            bench.probe.begin(bench.process)
            bench.probe.enter(bench.job)
            note(bench, 2, String(repeating: "x", count: 1000))
            bench.probe.exit(bench.job)
            bench.probe.end()
        }
        let records = bench.records()
        let ends = records.filter { $0.verb == .end }
        #expect(ends.count == 12)
        #expect(ends.map(\.isTruncated) == [Bool](repeating: true, count: 4) + [Bool](repeating: false, count: 8))
        #expect(records.count { !$0.annotations.isEmpty } == 8)
    }

    @Test func overwrittenAnnotationsAreNotRead() {
        let ring = AnnotationRing(bytes: 8192)
        var positions: [UInt64] = []
        for index in 0..<200 {
            let bytes = [UInt8](repeating: UInt8(index), count: 101)
            positions.append(bytes.withUnsafeBytes { ring.append($0) })
        }
        let read = positions.map { ring.read(position: UInt32(truncatingIfNeeded: $0), count: 101) }
        let intact = read.count { $0 != nil }
        #expect(intact == 8192 / 104)
        for (index, bytes) in read.enumerated() where bytes != nil {
            #expect(bytes == [UInt8](repeating: UInt8(index), count: 101))
        }
    }

    private func note(_ bench: Bench, _ key: UInt16, _ text: String) {
        Array(text.utf8).withUnsafeBytes { bench.probe.annotate(key, $0) }
    }
}
