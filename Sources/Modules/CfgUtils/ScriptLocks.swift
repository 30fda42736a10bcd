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

    enum Key: Hashable, Sendable {
        case fixed(ByteString)
        case dynamic(ByteString)
    }

    /// The dynamic lock that a key stands for.
    func index(of key: ByteString) -> Int { Int(key.stableHash() & UInt64(dynamicCount - 1)) }

    func acquire(_ key: Key, for run: ScriptRun) -> Outcome {
        let waiter = Waiter(run: run)
        let outcome: Outcome = access(key) { lock in
            guard lock.isHeld else {
                lock.isHeld = true
                return .yes
            }
            guard lock.waiters.count < Self.waitersMax else { return .no }
            lock.waiters.append(waiter)
            return .suspended
        }
        if case .done(1) = outcome { note(key, heldBy: run) }
        return outcome
    }

    /// Gives the lock to the script that waits longest, or frees it. Harmless when it is not held.
    func release(_ key: Key, by run: ScriptRun) {
        if let held = run.moduleState[ObjectIdentifier(HeldLocks.self)] as? HeldLocks { held.keys.remove(key) }
        release(key)
    }

    /// A script that ends without releasing a lock releases it then: the next would wait for ever.
    private func note(_ key: Key, heldBy run: ScriptRun) {
        let identifier = ObjectIdentifier(HeldLocks.self)
        if let held = run.moduleState[identifier] as? HeldLocks {
            held.keys.insert(key)
        } else {
            run.moduleState[identifier] = HeldLocks(key, of: self)
        }
    }

    fileprivate func release(_ key: Key) {
        let next = access(key) { lock -> Waiter? in
            guard !lock.waiters.isEmpty else {
                lock.isHeld = false
                return nil
            }
            return lock.waiters.removeFirst()
        }
        guard let next else { return }
        let submitted = next.run.process.process.reactor.submit(Self.resumeSite) { [self] in
            note(key, heldBy: next.run)
            next.run.resume(.yes)
        }
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

/// The locks that one run of a script holds. Goes with the run (`ScriptRun.moduleState`), and releases what is left.
private final class HeldLocks {
    var keys: Set<ScriptLocks.Key>
    private let locks: ScriptLocks

    init(_ key: ScriptLocks.Key, of locks: ScriptLocks) {
        keys = [key]
        self.locks = locks
    }

    deinit { for key in keys { locks.release(key) } }
}
