import CPlatform
import Glibc
import Reactor
import RouteRuntime

/// The figures of group `core` that no lower floor counts.
enum CoreStatistics {
    /// Messages that took longer than `exec_msg_threshold`.
    static func slowMessages(_ statistics: Statistics) -> Counter {
        statistics.counter(group: "core", name: "slow_messages")
    }

    /// Seconds since the start, scripts that wait, log lines that nobody took, and the memory that the kernel counts for the server.
    static func register(on statistics: Statistics, startedAt: Int, engine: ScriptEngine, log: LogSettings) {
        statistics.gauge(group: "core", name: "waiting_scripts") { engine.waitingCount }
        statistics.gauge(group: "core", name: "lost_log_lines", kind: .incremental) { log.lostLineCount }
        statistics.gauge(group: "core", name: "timestamp") { time(nil) - startedAt }
        statistics.gauge(group: "memory", name: "resident_bytes") {
            residentPages() * Int(sysconf(Int32(_SC_PAGESIZE)))
        }
        statistics.gauge(group: "memory", name: "allocated_bytes") { Int(cplatform_allocated_bytes()) }
        statistics.gauge(group: "memory", name: "resident_bytes_max") {
            var usage = rusage()
            getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
            return usage.ru_maxrss * 1024
        }
    }

    /// The second number of `/proc/self/statm`; 0 when it can't be read.
    private static func residentPages() -> Int {
        let descriptor = open("/proc/self/statm", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return 0 }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 128)
        let count = bytes.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
        guard count > 0 else { return 0 }
        let words = String(decoding: bytes[..<count], as: UTF8.self).split(separator: " ")
        return words.count > 1 ? Int(words[1]) ?? 0 : 0
    }
}
