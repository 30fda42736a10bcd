import Glibc
import Synchronization

/// The CPU time that one thread has spent, user and system, for other threads to read.
final class ThreadClock: Sendable {
    private struct State {
        /// Nil before the thread is known and after its end.
        var id: clockid_t?
        var atEnd: UInt64 = 0
    }

    private let state = Mutex(State())

    /// On the thread itself, when it begins.
    func begin() {
        var id = clockid_t()
        guard pthread_getcpuclockid(pthread_self(), &id) == 0 else { return }
        state.withLock { $0.id = id }
    }

    /// Before the thread ends, on any: what it has spent until then stays.
    func end() {
        state.withLock { state in
            if let id = state.id { state.atEnd = Self.read(id) }
            state.id = nil
        }
    }

    var nanoseconds: UInt64 { state.withLock { state in state.id.map(Self.read) ?? state.atEnd } }

    private static func read(_ id: clockid_t) -> UInt64 {
        var time = timespec()
        guard clock_gettime(id, &time) == 0 else { return 0 }
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
}
