package import Profiling
import Synchronization

/// The processes of a server by ID, as `ps` lists them.
///
/// One per server; any thread. IDs are given in order and never again.
package final class ProcessTable: Sendable {
    package let statistics: Statistics
    /// Nil: processes run without a profiler (tests, tools).
    package let profiler: Profiler?
    private let processes = Mutex<[ReactorProcess]>([])

    package init(profiler: Profiler?, statistics: Statistics) {
        self.profiler = profiler
        self.statistics = statistics
    }

    /// Makes a process that is not running yet.
    package func make(
        description: String, kind: ProcessKind, jobsWaitingMax: Int = Reactor.jobsWaitingMax
    ) throws(SystemCallError) -> ReactorProcess {
        try processes.withLock { processes throws(SystemCallError) in
            let id = processes.count
            let probe =
                profiler?.addProcess(id: id, description: description, type: kind.rawValue)
                ?? Probe.unattached(process: id)
            let site = Site(description, type: kind.rawValue)
            let reactor = try Reactor(probe: probe, processSite: site, jobsWaitingMax: jobsWaitingMax)
            let process = ReactorProcess(
                id: id, description: description, kind: kind, probe: probe, statistics: statistics.makeCells(),
                reactor: reactor)
            processes.append(process)
            return process
        }
    }

    /// All processes in order of their IDs.
    package var all: [ReactorProcess] { processes.withLock { $0 } }

    /// The process of an ID, or nil.
    package func process(id: Int) -> ReactorProcess? {
        processes.withLock { $0.indices.contains(id) ? $0[id] : nil }
    }

    /// Stops every process and waits for those that are threads. Not to be called from one of them.
    package func stopAll() {
        let all = all
        for process in all { process.stop() }
        for process in all { process.join() }
    }
}
