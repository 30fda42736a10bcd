import Profiling
import Testing

/// What a pass leaves behind, and when.
@Suite struct ProbeTests {
    @Test func aSpeakingPassIsBracketed() throws {
        let bench = Bench()
        bench.pass(status: 7)
        let records = bench.records()
        #expect(records.map(Bench.line) == ["start worker 1", "enter job 2", "exit job 1", "end worker 1"])
        #expect(records.map(\.line) == [nil, 10, 20, nil])
        #expect(records.map(\.file) == [nil, "run", "run", nil])
        #expect(records.map(\.status) == [nil, nil, 7, 0])
        #expect(Set(records.map(\.session)).count == 1)
        #expect(records.allSatisfy { $0.type == 1 && $0.process == 3 && $0.producer == .process })
        let first = try #require(records.first)
        #expect(SessionToken(rawValue: first.session).process == 3)
        #expect(records.map { $0.nanoseconds - first.nanoseconds } == [0, 1000, 2000, 3000])
    }

    @Test func aSilentPassLeavesNothing() {
        let bench = Bench()
        bench.probe.begin(bench.process)
        bench.probe.hold(bench.read)
        bench.probe.enter(bench.timer)
        bench.probe.exit(bench.timer)
        bench.probe.exit(bench.read)
        bench.probe.end()
        #expect(bench.lines().isEmpty)
    }

    @Test func heldBackStartsAndEntersKeepTheirTimes() {
        let bench = Bench()
        bench.probe.begin(bench.process)
        bench.tick(10)
        bench.probe.hold(bench.read)
        bench.tick(20)
        bench.probe.hold(bench.job)
        bench.probe.exit(bench.job)
        bench.tick(30)
        bench.probe.enter(bench.job)
        bench.tick(40)
        bench.probe.exit(bench.job)
        bench.probe.exit(bench.read)
        bench.probe.end()
        let records = bench.records()
        #expect(
            records.map(Bench.line) == [
                "start worker 1", "enter reading 2", "enter job 3", "exit job 2", "exit reading done 1", "end worker 1",
            ])
        let microseconds = records.map { ($0.nanoseconds - records[0].nanoseconds) / 1000 }
        #expect(microseconds == [0, 10, 60, 100, 100, 100])
    }

    @Test func moreHeldBackThanFitsIsWrittenRatherThanLost() {
        let bench = Bench()
        bench.probe.begin(bench.process)
        for _ in 0..<(Probe.heldMax + 5) { bench.probe.hold(bench.job) }
        for _ in 0..<(Probe.heldMax + 5) { bench.probe.exit(bench.job) }
        bench.probe.end()
        let records = bench.records()
        #expect(records.first?.verb == .start)
        #expect(records.last?.verb == .end)
        #expect(records.count { $0.verb == .enter } == records.count { $0.verb == .exit })
        #expect(records.count { $0.verb == .enter } == Probe.heldMax - 1)
    }

    @Test(arguments: [
        (Level.off, []), (.stack, ["job"]), (.extra, ["job", "command"]), (.timers, ["job", "command", "timer"]),
    ])
    func levelsIncludeThoseBelow(level: Level, names: [String]) {
        let bench = Bench(level: level)
        for site in [bench.job, bench.management, bench.timer] { bench.pass(site) }
        #expect(bench.records().filter { $0.verb == .enter }.map(\.name) == names)
    }

    @Test func aLevelChangeWaitsForTheNextBegin() {
        let bench = Bench()
        bench.probe.begin(bench.process)
        bench.probe.enter(bench.job)
        bench.profiler.setLevel(.off)
        bench.probe.enter(bench.job)
        bench.probe.exit(bench.job)
        bench.probe.exit(bench.job)
        bench.probe.end()
        bench.pass()
        #expect(bench.records().map(\.verb) == [.start, .enter, .enter, .exit, .exit, .end])

        bench.probe.begin(bench.process)
        bench.profiler.setLevel(.timers)
        bench.probe.enter(bench.job)
        bench.probe.exit(bench.job)
        bench.probe.end()
        #expect(bench.lines().isEmpty)
        bench.pass()
        #expect(bench.lines().count == 4)
    }

    @Test func aPassWithinAPassRecordsNothingOfItsOwn() {
        let bench = Bench()
        bench.probe.begin(bench.process)
        bench.probe.begin(bench.process)
        bench.probe.enter(bench.job)
        bench.probe.exit(bench.job)
        bench.probe.end()
        bench.probe.end()
        bench.pass()
        #expect(bench.records().map(\.verb) == [.start, .enter, .exit, .end, .start, .enter, .exit, .end])
    }

    @Test func scriptSessionsNameTheSessionAroundThem() {
        let bench = Bench()
        bench.probe.begin(bench.process)
        bench.probe.hold(bench.read)
        let token = bench.probe.startScript(bench.route)
        #expect(bench.probe.currentScriptSession == token)
        bench.probe.enter(bench.subroute)
        let inner = bench.probe.startScript(bench.route)
        // A record of the process producer goes to the process session, wherever it is spoken.
        bench.probe.enter(bench.job)
        bench.probe.exit(bench.job)
        bench.probe.endScript(bench.route, status: 1)
        #expect(bench.probe.currentScriptSession == token)
        bench.probe.exit(bench.subroute, status: -1)
        bench.probe.endScript(bench.route)
        #expect(bench.probe.currentScriptSession == .none)
        bench.probe.exit(bench.read)
        bench.probe.end()
        let records = bench.records()
        #expect(
            records.map(Bench.line) == [
                "start worker 1", "enter reading 2", "start relay 1", "enter sanity 2", "start relay 1", "enter job 3",
                "exit job 2", "end relay 1", "exit sanity 1", "end relay 1", "exit reading done 1", "end worker 1",
            ])
        #expect(records[2].session == token.rawValue)
        #expect(records[2].parent == records[0].session)
        #expect(records[4].session == inner.rawValue)
        #expect(records[4].parent == token.rawValue)
        #expect(records[5].session == records[0].session)
        #expect(records[2].producer == .script)
        #expect(records[3].type == 1)
        #expect(Set(records.map(\.session)).count == 3)
    }

    @Test func aResumedScriptNamesTheSessionItContinues() {
        let bench = Bench(level: .off)
        bench.probe.begin(bench.process)
        let first = bench.probe.startScript(bench.route)
        bench.probe.endScript(bench.route)
        bench.probe.end()
        bench.probe.begin(bench.process)
        let second = bench.probe.startScript(bench.route, continuing: first)
        bench.probe.endScript(bench.route)
        bench.probe.end()
        let records = bench.records()
        #expect(records.map(\.verb) == [.start, .end, .start, .end])
        #expect(records[2].link == first.rawValue)
        #expect(records[2].session == second.rawValue)
        #expect(records[0].link == nil)
        #expect(records[0].parent == nil)
    }

    @Test func whatTheScriptLeftOpenIsCut() {
        let bench = Bench()
        bench.probe.begin(bench.process)
        bench.probe.startScript(bench.route)
        bench.probe.enter(bench.subroute)
        bench.probe.end()
        bench.pass()
        let lines = bench.lines()
        #expect(lines.prefix(5).suffix(2) == ["end relay 1 truncated", "end worker 1 truncated"])
        #expect(lines.suffix(4) == ["start worker 1", "enter job 2", "exit job 1", "end worker 1"])
    }

    @Test func aProbeOutsideAPassOrWithoutAProfilerIsSilent() {
        let bench = Bench()
        bench.probe.enter(bench.job)
        bench.probe.exit(bench.job)
        bench.probe.end()
        #expect(bench.probe.startScript(bench.route) == .none)
        bench.probe.endScript(bench.route)
        #expect(bench.lines().isEmpty)
        let probe = Probe.unattached()
        probe.begin(bench.process)
        #expect(!probe.wants(bench.job))
        probe.end()
    }

    @Test func sessionIdsFitFiftyThreeBitsAndAreUnique() throws {
        let bench = Bench()
        let other = bench.profiler.addProcess(id: Profiler.processesMax - 1, description: "last", type: 4)
        bench.profiler.setLevel(.stack)
        for _ in 0..<50 {
            bench.pass()
            other.begin(bench.process)
            other.enter(bench.job)
            other.exit(bench.job)
            other.end()
        }
        let sessions = bench.records().filter { $0.verb == .start }.map(\.session)
        #expect(sessions.count == 100)
        #expect(Set(sessions).count == 100)
        #expect(sessions.allSatisfy { $0 > 0 && $0 < 1 << 53 })
    }

    @Test func siteTableIsBoundedAndIdempotent() {
        let table = SiteTable(sitesMax: 4)
        let description = SiteDescription(name: "a", file: "f", line: 1)
        let site = table.register(description)
        #expect(table.register(description) == site)
        #expect(table.description(of: site) == description)
        _ = table.register(SiteDescription(name: "b"))
        let tooMany = table.register(SiteDescription(name: "c", interest: .script))
        #expect(table.description(of: tooMany).name == "(too many sites)")
        #expect(tooMany.interest == .script)
        #expect(table.count == 4)
    }
}
