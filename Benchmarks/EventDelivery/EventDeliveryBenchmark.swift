import CPlatform
import Events
import Glibc
import Logging
import Profiling
import Reactor

/// What an event costs the threads that decode, format and send, by transport, against the bare system call that sends a
/// datagram of that size, measured in the same run. Times drift with the machine, ratios less so.
///
///     swift run -c release event-delivery-benchmark
@main
struct EventDeliveryBenchmark {
    static let sessions = 12_000
    /// A session is a start, an end, and so many pairs of records as a request leaves.
    static let pairsInSession = 5
    static let sessionsInBurst = 16
    static let pauseMicroseconds: UInt32 = 2_000
    static let repetitions = 3

    static func main() {
        let bare = (0..<repetitions).map { _ in BareSend.nanosecondsPerDatagram() }.min() ?? 0
        print("a datagram sent, 64 a call           \(text(bare)) ns")
        for transport in Sink.Transport.allCases {
            let runs = (0..<repetitions).map { _ in run(transport) }
            guard let best = runs.min(by: { $0.events < $1.events }) else { continue }
            print(
                "\(transport.rawValue): decoded \(text(best.profiling)) ns, formatted and sent \(text(best.events)) ns, "
                    + "\(ratio(best.events, bare)) x a bare send, lost \(best.lost)")
        }
    }

    struct Cost {
        /// CPU of the thread `profiling` and of the thread `events`, in nanoseconds per event.
        var profiling: Double
        var events: Double
        var lost: Int
    }

    static func run(_ transport: Sink.Transport) -> Cost {
        let sink = Sink(transport)
        let statistics = Statistics()
        let profiler = Profiler()
        var logger = Logger(label: "benchmark")
        logger.logLevel = .critical
        var options = EventOptions()
        options.hasStreams = true
        let events = EventInterface(profiler: profiler, statistics: statistics, logger: logger, options: options)
        let probe = profiler.addProcess(description: "SIP receiver udp:127.0.0.1:5060", type: 1)
        profiler.start()
        events.start()
        do {
            try events.subscribe(event: EventNames.profilingProcess, socket: sink.address, expireSeconds: nil)
        } catch {
            preconditionFailure("the sink's address is a socket: \(error)")
        }
        profiler.setLevel(.stack)
        let before = (threadNanoseconds("profiling"), threadNanoseconds("events"))
        speak(probe)
        // The threads have what is left in the rings and queues a moment after the last word.
        var sent = 0
        while true {
            usleep(100_000)
            let now = figure(statistics, "sent_events")
            if now == sent { break }
            sent = now
        }
        let after = (threadNanoseconds("profiling"), threadNanoseconds("events"))
        let lost = figure(statistics, "lost_records") + figure(statistics, "lost_subscriber_full")
        events.stop()
        profiler.stop()
        sink.close()
        return Cost(
            profiling: Double(after.0 - before.0) / Double(sent), events: Double(after.1 - before.1) / Double(sent),
            lost: lost)
    }

    private static let process = Site("SIP receiver udp:127.0.0.1:5060", interest: .process)
    private static let sites = (0..<pairsInSession).map {
        Site("request_script \($0)", file: "receive_msg", line: 100 + $0, exitLine: 200 + $0)
    }

    private static func speak(_ probe: Probe) {
        for session in 0..<sessions {
            probe.begin(process)
            for site in sites { probe.enter(site) }
            for site in sites.reversed() { probe.exit(site, status: 1) }
            probe.end()
            if session % sessionsInBurst == sessionsInBurst - 1 { usleep(pauseMicroseconds) }
        }
    }

    private static func figure(_ statistics: Statistics, _ name: String) -> Int {
        statistics.select("evi:\(name)").first?.value ?? 0
    }

    private static func text(_ nanoseconds: Double) -> String { String(Int(nanoseconds.rounded())) }

    private static func ratio(_ value: Double, _ base: Double) -> String {
        String((value / base * 100).rounded() / 100)
    }
}
