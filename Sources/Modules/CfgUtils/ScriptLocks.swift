import Bytes
import Profiling
import Reactor
import RouteRuntime
import Synchronization

/// The locks of `get_static_lock()` and `get_dynamic_lock()`. A script that must wait for one is suspended; its process
/// goes on with other work.
final class ScriptLocks: Sendable {
    /// Scripts that may wait for one lock; beyond, the function fails at once.
    static let waitersMax = 10_000

    private struct Lock {
        var isHeld = false
        var waiters: [Waiter] = []
    }

    /// A run that waits. It is touched again on its own process only.
    private struct Waiter: @unchecked Sendable {
        // @unchecked: made on the run's process, handed back to it by a job; nobody else looks inside.
        let run: ScriptRun
    }

    private let dynamicCount: Int
    private let locks: Mutex<(dynamic: [Lock], fixed: [ByteString: Lock])>
    private static let resumeSite = Site("script lock granted", file: "ScriptLocks", interest: .sip)

    /// - Parameter dynamicCount: how many locks the keys of dynamic locks share; made a power of two.
    init(dynamicCount: Int) {
        var size = 1
        while size < min(max(dynamicCount, 1), 1 << 16) { size *= 2 }
        self.dynamicCount = size
        locks = Mutex((dynamic: Array(repeating: Lock(), count: size), fixed: [:]))
    }

    enum Key {
        case fixed(ByteString)
        case dynamic(ByteString)
    }

    /// The dynamic lock that a key stands for.
    func index(of key: ByteString) -> Int { Int(key.stableHash() & UInt64(dynamicCount - 1)) }

    func acquire(_ key: Key, for run: ScriptRun) -> Outcome {
        let waiter = Waiter(run: run)
        return access(key) { lock in
            guard lock.isHeld else {
                lock.isHeld = true
                return .yes
            }
            guard lock.waiters.count < Self.waitersMax else { return .no }
            lock.waiters.append(waiter)
            return .suspended
        }
    }

    /// Gives the lock to the script that waits longest, or frees it. Harmless when it is not held.
    func release(_ key: Key) {
        let next = access(key) { lock -> Waiter? in
            guard !lock.waiters.isEmpty else {
                lock.isHeld = false
                return nil
            }
            return lock.waiters.removeFirst()
        }
        guard let next else { return }
        let submitted = next.run.process.process.reactor.submit(Self.resumeSite) { next.run.resume(.yes) }
        // A process that takes no jobs is ending: its script will not come back for the lock.
        if !submitted { release(key) }
    }

    private func access<Result>(_ key: Key, _ body: (inout Lock) -> sending Result) -> sending Result {
        locks.withLock { locks in
            switch key {
            case .fixed(let name): body(&locks.fixed[name, default: Lock()])
            case .dynamic(let name): body(&locks.dynamic[index(of: name)])
            }
        }
    }
}
