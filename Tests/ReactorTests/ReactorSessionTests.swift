import Profiling
import Synchronization
import Testing

@testable import Reactor

/// What a dispatch of the reactor leaves in the ring, by level. The reactor is driven by hand on the test's thread.
struct ReactorSessionTests {
    private let profiler = Profiler()
    private let consumer = Consumer(name: "test")
    private let process: ReactorProcess

    init() throws {
        process = try ProcessTable(profiler: profiler, statistics: Statistics())
            .make(description: "Timer handler", kind: .timer)
        profiler.attach(consumer, wants: [.sip, .extra, .timers, .script])
    }

    private func records() -> [String] {
        profiler.collect()
        return consumer.take().map { record in
            var text = "\(record.verb.word) \(record.name)"
            if let file = record.file { text += " \(file)" }
            if let line = record.line { text += ":\(line)" }
            return text
        }
    }

    private func fireTimer() {
        let fired = Done()
        let label = ReactorSites.timer("tm-utimer")
        process.reactor.schedule(afterMilliseconds: 1, label: label) { fired.signal() }
        while !fired.isOver { process.reactor.runOnce() }
    }

    @Test func aTimerJobIsSeenAtLevelThree() {
        profiler.setLevel(.timers)
        fireTimer()
        #expect(
            records() == [
                "start Timer handler", "enter timer_job handle_io:333", "enter tm-utimer handle_timer_job:1012",
                "exit tm-utimer handle_timer_job:1041", "exit timer_job handle_io:335", "end Timer handler",
            ])
    }

    @Test(arguments: [Level.off, .stack, .extra])
    func belowThatItLeavesNothing(level: Level) {
        profiler.setLevel(level)
        fireTimer()
        #expect(records().isEmpty)
    }

    @Test func aQuietTickLeavesNothing() {
        profiler.setLevel(.timers)
        process.reactor.schedule(afterMilliseconds: 10_000, label: ReactorSites.timer("later")) {}
        for _ in 0..<10 { process.reactor.runOnce() }
        #expect(records().isEmpty)
    }

    @Test func aTimerThatSpeaksAtLevelOneIsSeenThere() {
        profiler.setLevel(.stack)
        let fired = Done()
        let inner = Site("reply_forward", file: "t_reply", line: 5, exitLine: 6)
        let probe = process.probe
        process.reactor.schedule(afterMilliseconds: 1, label: ReactorSites.timer("retransmission")) {
            probe.enter(inner)
            probe.exit(inner)
            fired.signal()
        }
        while !fired.isOver { process.reactor.runOnce() }
        #expect(
            records() == [
                "start Timer handler", "enter reply_forward t_reply:5", "exit reply_forward t_reply:6",
                "end Timer handler",
            ])
    }

    @Test func aJobIsSeenAtLevelOneByName() {
        profiler.setLevel(.stack)
        process.reactor.submit(ReactorSites.job("resume")) {}
        process.reactor.runOnce()
        #expect(
            records() == [
                "start Timer handler", "enter ipc_job handle_io:327", "enter resume ipc_handle_job:0",
                "exit resume ipc_handle_job:0", "exit ipc_job handle_io:329", "end Timer handler",
            ])
    }

    /// One process hands a job to another, which hands one on to itself.
    @Test func aJobNamesTheSessionThatSubmittedIt() throws {
        let profiler = Profiler()
        let consumer = Consumer(name: "test")
        let table = ProcessTable(profiler: profiler, statistics: Statistics())
        let other = try table.make(description: "SIP receiver", kind: .udp)
        let process = try table.make(description: "Timer handler", kind: .timer)
        profiler.attach(consumer, wants: .process)
        profiler.setLevel(.stack)
        other.reactor.submit(ReactorSites.job("first")) {
            process.reactor.submit(ReactorSites.job("second")) {
                process.reactor.submit(ReactorSites.job("third")) {}
            }
        }
        other.reactor.runOnce()
        process.reactor.runOnce()
        process.reactor.runOnce()
        profiler.collect()
        let starts = consumer.take().filter { $0.verb == .start }.sorted { $0.nanoseconds < $1.nanoseconds }
        #expect(starts.map(\.name) == ["SIP receiver", "Timer handler", "Timer handler"])
        // The first was submitted by no process.
        #expect(starts.map(\.link) == [nil, starts[0].session, starts[1].session])
        #expect(starts.map(\.isLinkCause) == [false, true, true])
    }

    @Test func aJobOfAnExtraProcessIsSeenAtLevelTwo() {
        let label = ReactorSites.job("MI command", interest: .extra)
        profiler.setLevel(.stack)
        process.reactor.submit(label) {}
        process.reactor.runOnce()
        #expect(records().isEmpty)
        profiler.setLevel(.extra)
        process.reactor.submit(label) {}
        process.reactor.runOnce()
        #expect(records().count == 6)
    }
}
