import Synchronization

/// How much is logged: one level for the server and others for single processes; the same again for `xlog`. The peer's
/// numbers: -3 alert, -2 critical, -1 error, 1 warning, 2 notice, 3 info, 4 debug.
///
/// Any thread: management and scripts (`$log_level`) change them, the log and the scripts ask for each line that might be
/// written. To ask costs a relaxed load while no process has a level of its own.
package final class LogLevels: Sendable {
    package static let allowed = -3...4

    private let server: Levels
    private let script: Levels

    package init(level: Int, xlogLevel: Int? = nil) {
        server = Levels(level)
        script = Levels(xlogLevel ?? level)
    }

    /// The level that holds for a process; `nil` for threads that are none.
    package func level(process id: Int?) -> Int { server.level(process: id) }

    /// What some process may say: a line above it need not be made. A relaxed load.
    package var most: Int { server.most }

    /// Sets the level of all processes, also of those that had their own.
    package func setAll(_ level: Int) { server.setAll(level) }

    /// Gives a process a level of its own; with nil it goes back to the server's.
    package func set(_ level: Int?, process id: Int) { server.set(level, process: id) }

    /// What `xlog` may write; set for all processes, also for those that had their own.
    package var xlogLevel: Int {
        get { script.level(process: nil) }
        set { script.setAll(newValue) }
    }

    /// What `xlog` may write on a process.
    package func xlogLevel(process id: Int) -> Int { script.level(process: id) }

    /// As ``set(_:process:)``, for `xlog`.
    package func setXlog(_ level: Int?, process id: Int) { script.set(level, process: id) }
}

/// One level for all processes, and those of single ones.
private final class Levels: Sendable {
    private let global: Atomic<Int>
    private let hasOwn = Atomic<Bool>(false)
    private let own = Mutex<[Int: Int]>([:])
    private let highest: Atomic<Int>

    init(_ level: Int) {
        global = Atomic(level)
        highest = Atomic(level)
    }

    var most: Int { highest.load(ordering: .relaxed) }

    func level(process id: Int?) -> Int {
        let common = global.load(ordering: .relaxed)
        guard let id, hasOwn.load(ordering: .relaxed) else { return common }
        return own.withLock { $0[id] } ?? common
    }

    func setAll(_ level: Int) {
        own.withLock { own in
            own = [:]
            global.store(level, ordering: .relaxed)
            publish(own)
        }
    }

    func set(_ level: Int?, process id: Int) {
        own.withLock { own in
            own[id] = level
            publish(own)
        }
    }

    private func publish(_ own: [Int: Int]) {
        hasOwn.store(!own.isEmpty, ordering: .relaxed)
        highest.store(own.values.reduce(global.load(ordering: .relaxed), max), ordering: .relaxed)
    }
}
