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

    /// A script that waits.
    private struct Waiter {
        let number: UInt64
        let resumption: Resumption
    }

    private let dynamicCount: Int
    private let locks: Mutex<(dynamic: [Lock], fixed: [ByteString: Lock])>
    private let waiterNumber = Atomic<UInt64>(0)
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

    /// Takes the lock, or waits for it: also beyond the answer to the script's transaction, since what follows relies
    /// on the lock.
    func acquire(_ key: Key, _ call: borrowing Call) -> Outcome {
        if take(key) {
            note(key, heldBy: call.run)
            return .yes
        }
        let number = waiterNumber.add(1, ordering: .relaxed).newValue
        // Only a script that may not wait at all is told to give up.
        let resumption = call.wait(outlivesTransaction: true) { [self] in
            access(key) { lock in lock.waiters.removeAll { $0.number == number } }
        }
        let outcome: Outcome = access(key) { lock in
            guard lock.isHeld else {
                lock.isHeld = true
                return .yes
            }
            guard lock.waiters.count < Self.waitersMax else { return .no }
            lock.waiters.append(Waiter(number: number, resumption: resumption))
            return .suspended
        }
        if case .done(1) = outcome { note(key, heldBy: call.run) }
        return outcome
    }

    private func take(_ key: Key) -> Bool {
        access(key) { lock in
            defer { lock.isHeld = true }
            return !lock.isHeld
        }
    }

    /// Gives the lock to the script that waits longest, or frees it. Harmless when the script does not hold it: it may
    /// have been refused the lock, which is another's then.
    func release(_ key: Key, by run: ScriptRun) {
        guard let held = run.moduleState[ObjectIdentifier(HeldLocks.self)] as? HeldLocks,
            held.keys.remove(key) != nil
        else { return }
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
        let isTaken = next.resumption.submit(Self.resumeSite) { [self] resumption in
            guard resumption.isWanted else { return release(key) }
            resumption.resume { call in
                note(key, heldBy: call.run)
                return .yes
            }
        }
        // A process that takes no jobs is ending: its script will not come back for the lock.
        if !isTaken { release(key) }
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
