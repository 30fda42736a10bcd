import Events
import Logging
import Profiling
import Reactor
import Synchronization

/// Counts and tells of timers that fire late, and of periodic work that would overlap itself. Any thread.
///
/// A timer is as late as the pass of its process began after it was due: what holds a process up makes all its timers late. The group
/// `timer` of the statistics has for each kind of process (`udp`, `tcp`, `timer`, `other`) how many were late by more than
/// `Reactor.timerLateMillisecondsLimit` (`late_udp`) and by how much the worst was (`lateness_milliseconds_max_udp`). Those that were
/// late by more than `Reactor.timerOverdueMillisecondsLimit` are `late_runs`, logged and raised as `E_CORE_THRESHOLD`: of each label the
/// first, and then one a second at most.
final class TimerWatch: Sendable {
    /// After a word about a label the next one waits so long.
    static let pauseMilliseconds = 1000

    /// What was said of a label, and how often it was late since.
    private struct Word {
        var saidAt: Int
        var unsaid = 0
    }

    private let statistics: Statistics
    private let lateRuns: Counter
    private let skippedRuns: Counter
    private let logger: Logger
    private let events: EventInterface
    /// By label, of which there are only so many as there are places in the server and timer routes in the script.
    private let words = Mutex<[Site: Word]>([:])

    init(_ statistics: Statistics, _ logger: Logger, _ events: EventInterface) {
        (self.statistics, self.logger, self.events) = (statistics, logger, events)
        lateRuns = statistics.counter(group: "timer", name: "late_runs")
        skippedRuns = statistics.counter(group: "timer", name: "skipped_runs")
    }

    /// Publishes the figures of the processes and has each tell of what is late. Once, when all were made and none runs.
    func follow(_ processes: [ReactorProcess]) {
        for (kind, name) in [(ProcessKind.udp, "udp"), (.tcp, "tcp"), (.timer, "timer"), (.other, "other")] {
            let figures = processes.filter { $0.kind == kind }.map(\.reactor.figures)
            statistics.gauge(group: "timer", name: "late_\(name)", kind: .incremental) {
                figures.reduce(0) { $0 + $1.snapshot().timersLate }
            }
            statistics.gauge(group: "timer", name: "lateness_milliseconds_max_\(name)") {
                figures.reduce(0) { max($0, $1.snapshot().timerLatenessMillisecondsMax) }
            }
        }
        for process in processes {
            process.reactor.onLateTimer = { [self, unowned process] label, milliseconds in
                late(label, milliseconds: milliseconds, at: process.reactor.nowMilliseconds)
            }
        }
    }

    /// A timer fires that long after it was due.
    func late(_ label: Site, milliseconds: Int, at now: Int) {
        statistics.shared.add(lateRuns)
        let others: Int? = words.withLock { words in
            guard let last = words[label] else {
                words[label] = Word(saidAt: now)
                return 0
            }
            guard now - last.saidAt >= Self.pauseMilliseconds else {
                words[label]?.unsaid += 1
                return nil
            }
            words[label] = Word(saidAt: now)
            return last.unsaid
        }
        guard let others else { return }
        let name = SiteTable.shared.description(of: label).name
        let more = others == 0 ? "" : ", as \(others) before it had"
        logger.warning("timer job <\(name)> has a \(milliseconds * 1000) us delay in execution\(more)")
        events.raiseThreshold(source: "timer", microseconds: milliseconds * 1000, extra: name)
    }

    /// A run is left out: the one before, begun that long ago, still goes on.
    func overlapping(_ name: String, milliseconds: Int) {
        statistics.shared.add(skippedRuns)
        logger.warning("timer task <\(name)> already scheduled \(milliseconds) ms ago, it may overlap: left out")
        events.raiseThreshold(source: "timer", microseconds: milliseconds * 1000, extra: name)
    }
}
