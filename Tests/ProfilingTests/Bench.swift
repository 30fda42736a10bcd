@testable import Profiling

/// A profiler on a manual clock with one process and one consumer that wants everything; rounds are made by hand.
struct Bench {
    let clock = TickSource.manual()
    let profiler: Profiler
    let probe: Probe
    let consumer: Consumer

    let process = Site("worker", interest: .process)
    let read = Site("reading", file: "handle_io", line: 317, exitName: "reading done", exitLine: 324)
    let job = Site("job", file: "run", line: 10, exitLine: 20)
    let management = Site("command", file: "mi", line: 5, interest: .extra)
    let timer = Site("timer", file: "timers", line: 7, interest: .timers)
    let route = Site("relay", type: 1, interest: .script)
    let subroute = Site("sanity", file: "sipray.cfg", line: 35, interest: .script)

    init(
        level: Level = .stack, wants: Interest = [.process, .script], ringRecords: Int = 1024,
        queueRecordsMax: Int = 1000, annotationBytes: Int = Profiler.annotationBytesDefault
    ) {
        profiler = Profiler(
            sites: .shared, ringRecords: ringRecords, annotationBytes: annotationBytes, clock: clock)
        probe = profiler.addProcess(id: 3, description: "worker", type: 1)
        consumer = Consumer(name: "test", queueRecordsMax: queueRecordsMax)
        profiler.attach(consumer, wants: wants)
        profiler.setLevel(level)
    }

    /// A pass with one job in it; the clock moves 1 µs before each call.
    func pass(_ site: Site? = nil, status: Int32 = 0) {
        tick()
        probe.begin(process)
        tick()
        probe.enter(site ?? job)
        tick()
        probe.exit(site ?? job, status: status)
        tick()
        probe.end()
    }

    func tick(_ microseconds: UInt64 = 1) { clock.advance(nanoseconds: microseconds * 1000) }

    /// What the consumer got, after a round.
    func records() -> [ProfilingRecord] {
        profiler.collect()
        return consumer.take()
    }

    /// The same in short: `start worker 1`.
    func lines() -> [String] { records().map(Bench.line) }

    static func line(_ record: ProfilingRecord) -> String {
        "\(record.verb.word) \(record.name) \(record.depth)\(record.isTruncated ? " truncated" : "")"
    }
}
