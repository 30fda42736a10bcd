import CPlatform
import Glibc
package import Profiling
import Synchronization

/// What kind of process it is: the `type` of its records on the wire.
package enum ProcessKind: Int, BitwiseCopyable, Sendable {
    case udp = 1
    case tcp = 2
    case timer = 3
    case other = 4
}

/// A process as an operator sees it: a thread with a reactor, a name, a probe and counters of its own.
///
/// Made by `ProcessTable.make`, set up, then either spawned as a thread or given the calling one. Nothing runs
/// before. `id` is its index, `pid` the kernel's task id.
package final class ReactorProcess: @unchecked Sendable {
    // @unchecked: everything is constant or atomic, but `thread`, which `spawn` and `join` touch under `lifecycle`.

    package let id: Int
    /// `SIP receiver udp:127.0.0.1:5060`
    package let description: String
    package let kind: ProcessKind
    package let reactor: Reactor
    package let probe: Probe
    /// This process's counters; added to on its thread only.
    package let statistics: StatisticsCells
    private let taskID = Atomic<Int32>(0)
    private let lifecycle = Mutex<Lifecycle>(.made)

    private enum Lifecycle {
        case made
        case running(pthread_t?)
        case ended
    }

    init(
        id: Int, description: String, kind: ProcessKind, probe: Probe, statistics: StatisticsCells, reactor: Reactor
    ) {
        self.id = id
        self.description = description
        self.kind = kind
        self.probe = probe
        self.statistics = statistics
        self.reactor = reactor
    }

    /// The kernel's task id, which `top -H` and `gdb` show; 0 before the process was spawned.
    package var pid: Int { Int(taskID.load(ordering: .relaxed)) }

    package var isRunning: Bool {
        lifecycle.withLock {
            if case .running = $0 { return true }
            return false
        }
    }

    /// Starts the thread; `pid` is known when this returns. At most once.
    ///
    /// `threadName` is what `top -H` shows; the kernel keeps 15 bytes of it.
    package func spawn(threadName: String) throws(SystemCallError) {
        let start = ThreadStart(process: self, name: threadName)
        var thread = pthread_t()
        let code = pthread_create(
            &thread, nil,
            { argument in
                // The pointer is the ThreadStart that `spawn` retained for this thread.
                let start = Unmanaged<ThreadStart>.fromOpaque(argument!).takeRetainedValue()
                start.process.body(threadName: start.name) { start.introduced.signal() }
                return nil
            }, Unmanaged.passRetained(start).toOpaque())
        guard code == 0 else {
            Unmanaged.passUnretained(start).release()
            throw SystemCallError(call: "pthread_create", code: code)
        }
        lifecycle.withLock { $0 = .running(thread) }
        start.introduced.wait()
    }

    /// Makes the calling thread the process's own before it runs, so that `pid` is known: the program's first thread.
    package func adoptThisThread(threadName: String) {
        taskID.store(cplatform_thread_introduce(threadName), ordering: .relaxed)
        lifecycle.withLock { $0 = .running(nil) }
    }

    /// Asks the process to end after its present pass. Any thread.
    package func stop() { reactor.stop() }

    /// Waits until the thread has ended. Call `stop` first, and not from the process itself.
    package func join() {
        let thread: pthread_t? = lifecycle.withLock { state in
            guard case .running(let thread) = state else { return nil }
            state = .ended
            return thread
        }
        if let thread { pthread_join(thread, nil) }
    }

    private func body(threadName: String, introduced: () -> Void) {
        taskID.store(cplatform_thread_introduce(threadName), ordering: .relaxed)
        introduced()
        reactor.run()
    }
}

/// What a new thread is handed.
private final class ThreadStart: Sendable {
    let process: ReactorProcess
    let name: String
    let introduced = Semaphore()

    init(process: ReactorProcess, name: String) {
        self.process = process
        self.name = name
    }
}

/// A POSIX semaphore, for the one moment in which a thread waits for another to come up.
private final class Semaphore: Sendable {
    private nonisolated(unsafe) let pointer = UnsafeMutablePointer<sem_t>.allocate(capacity: 1)

    init() { sem_init(pointer, 0, 0) }

    deinit {
        sem_destroy(pointer)
        pointer.deallocate()
    }

    func signal() { sem_post(pointer) }

    func wait() { while sem_wait(pointer) != 0, errno == EINTR {} }
}
