import CPlatform
import Profiling

/// What a probe costs in four states, against the clock read measured in the same run. Times drift with the machine,
/// ratios do not: DESIGN §6 sets 1 ns for a pair that nobody wants and 1.4 clock reads for a record that somebody does.
///
///     swift run -c release profiling-benchmark
@main
struct ProfilingBenchmark {
    static let repetitions = 15
    static let calls = 200_000
    /// Pairs in a pass; with the start and the end, 22 records.
    static let pairsInPass = 10

    /// Nanoseconds per call: the best of several repetitions, since noise only adds.
    static func measure(_ body: (Int) -> Void) -> Double {
        var best = Double.infinity
        for _ in 0..<repetitions {
            let before = cplatform_monotonic_nanoseconds()
            body(calls)
            let after = cplatform_monotonic_nanoseconds()
            best = min(best, Double(after - before) / Double(calls))
        }
        return best
    }

    @inline(never)
    static func readClock(_ count: Int) {
        var sum: UInt64 = 0
        for _ in 0..<count { sum &+= cplatform_counter() }
        if sum == 1 { print("") }
    }

    @inline(never)
    static func speak(_ probe: Probe, _ process: Site, _ site: Site, _ count: Int) {
        for _ in 0..<(count / pairsInPass) {
            probe.begin(process)
            for _ in 0..<pairsInPass {
                probe.enter(site)
                probe.exit(site)
            }
            probe.end()
        }
    }

    static func main() {
        let process = Site("worker", interest: .process)
        let site = Site("job", file: "benchmark", line: 1)
        let clock = measure(readClock)
        report("clock read alone", clock, nil, clock)
        for state in State.allCases {
            let profiler = Profiler()
            let probe = profiler.addProcess(description: "benchmark", type: 4)
            let consumer = Consumer(name: state.rawValue)
            if state != .nobody { profiler.attach(consumer, wants: .process) }
            if state == .on || state == .flooded { profiler.setLevel(.stack) }
            profiler.start()
            let reader = state == .on ? Reader(consumer) : nil
            let pair = measure { speak(probe, process, site, $0) }
            profiler.stop()
            let read = reader?.finish() ?? 0
            report(state.rawValue, pair / 2.2, 2.2, clock)
            if state == .on || state == .flooded {
                let losses = consumer.losses
                print(
                    "    written \(profiler.processes[0].written) read \(read) overrun \(losses.overrun)",
                    "queue full \(losses.queueFull)")
            }
        }
    }

    /// The states of the issue.
    enum State: String, CaseIterable {
        case nobody = "no consumer"
        case off = "consumer, level 0"
        case on = "consumer reading, level 1"
        case flooded = "consumer never reads, level 1"
    }

    static func report(_ name: String, _ nanoseconds: Double, _ recordsPerPair: Double?, _ clock: Double) {
        let padded = name + String(repeating: " ", count: max(0, 32 - name.count))
        let pair = recordsPerPair.map { "  pair \(hundredths(nanoseconds * $0)) ns" } ?? ""
        print("\(padded) \(hundredths(nanoseconds)) ns  \(hundredths(nanoseconds / clock)) x clock\(pair)")
    }

    static func hundredths(_ value: Double) -> String {
        let rounded = Int((value * 100).rounded())
        let fraction = rounded % 100
        return "\(rounded / 100).\(fraction < 10 ? "0" : "")\(fraction)"
    }
}
