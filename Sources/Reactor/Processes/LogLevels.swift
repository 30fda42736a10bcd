import Synchronization

/// How much is logged: one level for the server, others for single processes, and one for `xlog`. The peer's numbers:
/// -3 alert, -2 critical, -1 error, 1 warning, 2 notice, 3 info, 4 debug.
///
/// Any thread. The handler of the log asks ``level(process:)`` for each line that might be written: a relaxed load while
/// no process has a level of its own.
package final class LogLevels: Sendable {
    package static let allowed = -3...4

    private let global: Atomic<Int>
    private let script: Atomic<Int>
    private let hasOwn = Atomic<Bool>(false)
    private let own = Mutex<[Int: Int]>([:])
    /// The highest level of any process.
    private let highest: Atomic<Int>

    package init(level: Int, xlogLevel: Int? = nil) {
        global = Atomic(level)
        script = Atomic(xlogLevel ?? level)
        highest = Atomic(level)
    }

    /// The level that holds for a process; `nil` for threads that are none.
    package func level(process id: Int?) -> Int {
        let common = global.load(ordering: .relaxed)
        guard let id, hasOwn.load(ordering: .relaxed) else { return common }
        return own.withLock { $0[id] } ?? common
    }

    /// What some process may say: a line above it need not be made. A relaxed load.
    package var most: Int { highest.load(ordering: .relaxed) }

    /// Sets the level of all processes, also of those that had their own.
    package func setAll(_ level: Int) {
        own.withLock { own in
            own = [:]
            hasOwn.store(false, ordering: .relaxed)
            global.store(level, ordering: .relaxed)
            highest.store(level, ordering: .relaxed)
        }
    }

    package func set(_ level: Int, process id: Int) {
        own.withLock { own in
            own[id] = level
            hasOwn.store(true, ordering: .relaxed)
            highest.store(own.values.reduce(global.load(ordering: .relaxed), max), ordering: .relaxed)
        }
    }

    /// What `xlog` may write.
    package var xlogLevel: Int {
        get { script.load(ordering: .relaxed) }
        set { script.store(newValue, ordering: .relaxed) }
    }
}
