import Testing

@testable import Profiling

/// How sessions name those before them, and what happens to sessions when a consumer changes what it wants.
@Suite struct LinkTests {
    @Test func aSessionSaysWhetherItGoesOnOrWasCaused() {
        let bench = Bench()
        bench.probe.begin(bench.process)
        let first = bench.probe.startScript(bench.route)
        bench.probe.endScript(bench.route)
        bench.probe.startScript(bench.route, continuing: first)
        bench.probe.endScript(bench.route)
        bench.probe.startScript(bench.route, continuing: first, isCause: true)
        bench.probe.endScript(bench.route)
        bench.probe.end()
        let starts = bench.records().filter { $0.verb == .start && $0.producer == .script }
        #expect(starts.map(\.link) == [nil, first.rawValue, first.rawValue])
        #expect(starts.map(\.isLinkCause) == [false, false, true])
    }

    /// What a session is about is in its records from where it is said, and in those of script sessions inside it.
    @Test func recordsSayWhatTheirSessionIsAbout() {
        let bench = Bench(wants: [.process, .script, .subjects])
        func say(_ text: String, ofNextScript: Bool = false) {
            Array(text.utf8).withUnsafeBytes { bench.probe.subject($0, ofNextScript: ofNextScript) }
        }
        bench.probe.begin(bench.process)
        say("held")
        bench.probe.enter(bench.job)
        say("one")
        bench.probe.startScript(bench.route)
        bench.probe.endScript(bench.route)
        say("two", ofNextScript: true)
        bench.probe.startScript(bench.route)
        bench.probe.endScript(bench.route)
        say("", ofNextScript: true)
        bench.probe.startScript(bench.route)
        bench.probe.endScript(bench.route)
        bench.probe.exit(bench.job)
        say("")
        bench.probe.end()
        bench.pass()
        let told = bench.records().map { record in
            "\(record.verb.word) \(record.name) " + (record.subject.map { String(decoding: $0, as: UTF8.self) } ?? "-")
        }
        #expect(
            told == [
                "start worker -", "enter job -", "start relay one", "end relay one", "start relay two",
                "end relay two", "start relay -", "end relay -", "exit job one", "end worker -", "start worker -",
                "enter job -", "exit job -", "end worker -",
            ])
    }

    @Test func nobodyIsToldWhatASessionIsAboutUnasked() {
        let bench = Bench(wants: [.process, .script, .annotations])
        bench.probe.begin(bench.process)
        bench.probe.enter(bench.job)
        #expect(!bench.probe.wantsSubjects)
        Array("one".utf8).withUnsafeBytes { bench.probe.subject($0) }
        bench.probe.exit(bench.job)
        bench.probe.end()
        #expect(bench.records().allSatisfy { $0.subject == nil })
        // Alone it makes nobody speak.
        bench.profiler.attach(bench.consumer, wants: .subjects)
        bench.pass()
        #expect(bench.records().isEmpty)
    }

    @Test func aPassSaysWhatCausedIt() {
        let bench = Bench()
        let cause = SessionToken(rawValue: 4711)
        bench.probe.begin(bench.process, causedBy: cause)
        #expect(bench.probe.openSession == .none, "nothing is recorded yet")
        bench.probe.hold(bench.read)
        bench.probe.enter(bench.job)
        let session = bench.probe.openSession
        let script = bench.probe.startScript(bench.route)
        #expect(bench.probe.openSession == script)
        bench.probe.endScript(bench.route)
        bench.probe.exit(bench.job)
        bench.probe.exit(bench.read)
        bench.probe.end()
        #expect(bench.probe.openSession == .none)
        let starts = bench.records().filter { $0.verb == .start }
        #expect(starts.map(\.link) == [4711, nil] && starts.map(\.isLinkCause) == [true, false])
        #expect(starts.map(\.session) == [session.rawValue, script.rawValue])
    }

    @Test func theCauseOfASilentPassIsNoOthers() {
        let bench = Bench()
        bench.probe.begin(bench.process, causedBy: SessionToken(rawValue: 4711))
        bench.probe.end()
        bench.pass()
        #expect(bench.records().map(\.link) == [nil, nil, nil, nil])
    }

    /// A pass that was left without its end is cut by the next, which keeps its own cause.
    @Test func aCutLosesNoCause() {
        let table = SiteTable.shared
        var decoder = SessionDecoder(process: 3, type: 1, table: table)
        let bench = Bench()
        var out: [Delivery] = []
        let words = [
            RawRecord.word(.start, bench.process), RawRecord.link(SessionToken(rawValue: 9), isCause: true),
            RawRecord.word(.start, bench.process),
        ]
        for (index, word) in words.enumerated() {
            decoder.decode(
                RawRecord(ticks: UInt64(index), word: word), position: UInt64(index + 1),
                calibration: .identity, generation: 1,
                bytes: AnnotationRing(bytes: 64), into: &out)
        }
        #expect(out.map(\.record.verb) == [.start, .end, .start])
        #expect(out.map(\.record.link) == [nil, nil, 9])
    }

    @Test func aThreadKnowsItsSessionWhileItRunsTheProcess() {
        let (outer, inner) = (Bench(), Bench())
        #expect(Probe.sessionOfThread == .none)
        outer.probe.whileOnThisThread {
            outer.probe.begin(outer.process)
            outer.probe.enter(outer.job)
            #expect(Probe.sessionOfThread == outer.probe.openSession && Probe.sessionOfThread != .none)
            inner.probe.whileOnThisThread { #expect(Probe.sessionOfThread == .none) }
            #expect(Probe.sessionOfThread == outer.probe.openSession)
            outer.probe.exit(outer.job)
            outer.probe.end()
        }
        #expect(Probe.sessionOfThread == .none)
    }

    @Test func theLargestTokenFitsALink() {
        let largest = SessionToken(rawValue: 1 << 53 - 1)
        for isCause in [false, true] {
            for token in [largest, largest.annotated] {
                let raw = RawRecord(ticks: 0, word: RawRecord.link(token, isCause: isCause))
                #expect(raw.kind == .link && raw.token == token && raw.isCause == isCause)
                #expect(raw.token.isAnnotated == (token == largest.annotated) && raw.token.rawValue == 1 << 53 - 1)
            }
        }
    }

    @Test func anAnnotationThatIsFilledInPlaceComesWithItsTime() throws {
        let bench = Bench(wants: [.script, .annotations])
        bench.probe.begin(bench.process)
        bench.probe.startScript(bench.route)
        bench.tick(5)
        bench.probe.annotate(7) { room in
            room[0] = 1
            room[1] = 2
            return 2
        }
        bench.tick(5)
        bench.probe.endScript(bench.route)
        bench.probe.end()
        let records = bench.records()
        let end = try #require(records.last)
        #expect(end.annotations.map(\.bytes) == [[1, 2]])
        #expect(end.annotations.first.map { $0.nanoseconds - records[0].nanoseconds } == 5000)
    }

    @Test func nobodyFillsWhatNobodyWants() {
        let bench = Bench(wants: .script)
        var calls = 0
        bench.probe.begin(bench.process)
        bench.probe.startScript(bench.route)
        bench.probe.annotate(7) { _ in
            calls += 1
            return 0
        }
        bench.probe.endScript(bench.route)
        bench.probe.end()
        #expect(calls == 0)
    }

    @Test func whoWantsNothingAnyMoreSeesOpenSessionsEnd() {
        let bench = Bench(wants: [.process, .script])
        bench.probe.begin(bench.process)
        bench.probe.enter(bench.job)
        bench.profiler.collect()
        bench.profiler.attach(bench.consumer, wants: [])
        // Inside the session that is open, also what begins now.
        bench.probe.startScript(bench.route)
        bench.probe.endScript(bench.route)
        bench.probe.exit(bench.job)
        bench.probe.end()
        bench.pass()
        #expect(
            bench.lines() == [
                "start worker 1", "enter job 2", "start relay 1", "end relay 1", "exit job 1", "end worker 1",
            ])
        bench.profiler.attach(bench.consumer, wants: .process)
        bench.pass()
        #expect(bench.lines().count == 4)
        #expect(bench.consumer.losses.total == 0)
    }

    /// What began before the switch and shows after it is not lost, on, off or on again.
    @Test(arguments: [false, true]) func whatBeganWhileItWasWantedIsSeenWhole(isWantedAgain: Bool) {
        let bench = Bench(wants: .script)
        bench.probe.begin(bench.process)
        bench.profiler.attach(bench.consumer, wants: [])
        if isWantedAgain { bench.profiler.attach(bench.consumer, wants: .script) }
        bench.probe.startScript(bench.route)
        bench.probe.endScript(bench.route)
        bench.probe.end()
        #expect(bench.lines() == ["start relay 1", "end relay 1"])
        // A pass that is seen when it begins, and goes on while it is switched twice and more.
        bench.profiler.attach(bench.consumer, wants: [.process, .script])
        bench.probe.begin(bench.process)
        bench.probe.enter(bench.job)
        bench.profiler.collect()
        for number in 0..<5 {
            bench.profiler.attach(bench.consumer, wants: number % 2 == 0 ? [] : [.process, .script])
        }
        bench.probe.startScript(bench.route)
        bench.probe.endScript(bench.route)
        bench.probe.exit(bench.job)
        bench.probe.end()
        #expect(bench.lines().count == 6)
        bench.profiler.attach(bench.consumer, wants: [])
        // Recorded for somebody else, and later: not for this one.
        guard !isWantedAgain else { return }
        bench.tick(ConsumerQueue.graceNanoseconds / 1000 + 1)
        bench.profiler.keepFlightRecord(of: .script)
        bench.probe.begin(bench.process)
        bench.probe.startScript(bench.route)
        bench.probe.endScript(bench.route)
        bench.probe.end()
        #expect(bench.lines().isEmpty)
    }

    /// Who wants annotations gets the sessions whose pass began while it did, and no other that somebody else made the process record.
    @Test func whoWantsAnnotationsGetsNoSessionWithoutThem() {
        let bench = Bench(wants: [])
        bench.profiler.keepFlightRecord(of: .script)
        func pass(_ status: Int32) {
            bench.probe.begin(bench.process)
            let token = bench.probe.startScript(bench.route)
            #expect(token.isAnnotated == (status == 2))
            bench.probe.endScript(bench.route, status: status)
            bench.probe.end()
        }
        pass(1)
        bench.profiler.attach(bench.consumer, wants: [.script, .annotations])
        pass(2)
        bench.profiler.attach(bench.consumer, wants: [])
        pass(3)
        bench.profiler.collect()
        #expect(bench.consumer.take().filter { $0.verb == .end }.map(\.status) == [2])
        #expect(bench.consumer.losses.total == 0)
    }
}
