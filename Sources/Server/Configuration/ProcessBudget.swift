import Profiling
import RouteLanguage
import SIPTransport

/// How many processes a configuration starts: the profiler numbers `Profiler.processesMax`.
enum ProcessBudget {
    /// - Throws: at the listener with whose receivers they are too many.
    static func check(
        _ entries: [ListenerPlan.Entry], _ settings: GlobalSettings, _ connections: ConnectionPlan?,
        _ management: ManagementPlan, script: Script
    ) throws(ConfigurationError) {
        // With the attendant. None of these alone comes near the limit.
        let others = 1 + settings.timerWorkers + (connections?.workers ?? 0) + management.processes
        let receivers = entries.filter { $0.request.transport == .udp }
        let total = receivers.reduce(others) { $0 + $1.workers }
        var count = others
        for entry in receivers {
            count += entry.workers
            guard count > Profiler.processesMax else { continue }
            throw ListenerPlan.error(
                entry.listener,
                "\(total - others) receivers and \(others) other processes would be started; \(Profiler.processesMax) processes are possible",
                script, hint: "lower udp_workers, or use_workers of a socket")
        }
    }
}

extension ManagementPlan {
    /// The processes that it starts.
    var processes: Int {
        (fifo == nil ? 0 : 1) + (datagram == nil ? 0 : datagramProcesses) + (http == nil ? 0 : 1)
    }
}
