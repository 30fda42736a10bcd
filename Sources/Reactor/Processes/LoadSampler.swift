import CPlatform
import Synchronization

/// How busy the processes have been: the figures of group `load` that a monitor expects.
///
/// Someone calls `sample` once a second (a reactor's `every`); any thread may read. A load is the share of a window of
/// time, in percent, that a process spent outside epoll; `load`, `load1m`, `load10m` are means over the SIP processes,
/// those with `-all` over all of them.
package final class LoadSampler: Sendable {
    /// Samples kept: ten minutes and one.
    static let samplesMax = 601

    /// Busy nanoseconds of every process at one moment, by process id.
    private struct Sample {
        var nanoseconds: Int
        var busy: [Int]
    }

    private let table: ProcessTable
    /// Oldest first.
    private let samples = Mutex<[Sample]>([])

    package init(table: ProcessTable) { self.table = table }

    /// Takes a sample now.
    package func sample() {
        let busy = table.all.map { $0.reactor.figures.snapshot().busyNanoseconds }
        add(busy, at: Int(cplatform_monotonic_nanoseconds()))
    }

    func add(_ busy: [Int], at nanoseconds: Int) {
        samples.withLock { samples in
            if samples.count == Self.samplesMax { samples.removeFirst() }
            samples.append(Sample(nanoseconds: nanoseconds, busy: busy))
        }
    }

    /// The load of some processes over the last seconds, or over what has been seen if that is less; 0 before there are
    /// two samples.
    func percent(processes ids: [Int], seconds: Int) -> Int {
        samples.withLock { samples in
            guard samples.count >= 2, !ids.isEmpty else { return 0 }
            let last = samples[samples.count - 1]
            let first = samples[max(0, samples.count - 1 - seconds)]
            let elapsed = last.nanoseconds - first.nanoseconds
            guard elapsed > 0 else { return 0 }
            let busy = ids.reduce(0) { sum, id in
                guard id < last.busy.count else { return sum }
                return sum + last.busy[id] - (id < first.busy.count ? first.busy[id] : 0)
            }
            return min(100, busy * 100 / (elapsed * ids.count))
        }
    }

    /// Registers the gauges; once every process has been made.
    package func register(on statistics: Statistics) {
        let all = table.all
        let sip = all.filter { $0.kind == .udp || $0.kind == .tcp }.map(\.id)
        func gauges(_ suffix: String, _ ids: [Int]) {
            for (name, seconds) in [("load", 1), ("load1m", 60), ("load10m", 600)] {
                statistics.gauge(group: "load", name: name + suffix) { self.percent(processes: ids, seconds: seconds) }
            }
        }
        gauges("", sip)
        gauges("-all", all.map(\.id))
        for process in all { gauges("-proc-\(process.id)", [process.id]) }
        statistics.gauge(group: "load", name: "processes_number") { [table] in table.all.count }
    }
}
