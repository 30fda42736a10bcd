import OpenTelemetry
import Profiling
import Reactor
import RouteRuntime
import Synchronization

/// Log lines as notes in the session that writes them, while tracing wants them.
package final class SpanLog: Sendable {
    private struct Target {
        var tracing: Tracing
        var processes: ProcessTable
    }

    private let target = Mutex<Target?>(nil)

    /// Lines go to the sessions of these processes from now on.
    func connect(_ tracing: Tracing, _ processes: ProcessTable) {
        target.withLock { $0 = Target(tracing: tracing, processes: processes) }
    }

    /// Notes a line in the session that is open on the thread that calls, if it belongs to a process.
    func note(_ level: ScriptLogLevel, _ pid: Int, _ text: String) {
        guard let target = target.withLock({ $0 }), level.rawValue <= target.tracing.logLevel,
            let process = target.processes.all.first(where: { $0.pid == pid })
        else { return }
        process.probe.annotate(LogNote.key) { room in
            room[0] = UInt8(bitPattern: Int8(level.rawValue))
            var text = text
            return text.withUTF8 { bytes in
                let kept = UnsafeRawBufferPointer(bytes).prefix(room.count - 1)
                UnsafeMutableRawBufferPointer(rebasing: room[1...]).copyBytes(from: kept)
                return kept.count + 1
            }
        }
    }
}
