import CPlatform
import Glibc
import NIOCore
import NIOPosix
import Synchronization

/// The one thread on which the exporter encodes, compresses and talks to the collector: a NIO event loop that runs the tasks of
/// Swift's concurrency too. No SIP process waits for it.
final class ExporterThread: TaskExecutor, Sendable {
    let group: MultiThreadedEventLoopGroup
    private let loop: any EventLoop
    /// The clock of the thread's own CPU time; nil before the thread is known and after its end.
    private let cpuClock = Mutex<clockid_t?>(nil)
    private let cpuAtEnd = Mutex<UInt64>(0)

    init() {
        group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        loop = group.next()
        loop.execute { [self] in
            cplatform_name_thread("otlp-exporter")
            var id = clockid_t()
            if pthread_getcpuclockid(pthread_self(), &id) == 0 { cpuClock.withLock { $0 = id } }
        }
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        loop.execute { [self] in job.runSynchronously(on: asUnownedTaskExecutor()) }
    }

    /// What the thread has spent, user and system. Any thread.
    var cpuNanoseconds: UInt64 {
        cpuClock.withLock { id in
            guard let id else { return cpuAtEnd.withLock { $0 } }
            return Self.read(id)
        }
    }

    /// Ends the thread. Nothing may be enqueued after it.
    func stop() {
        cpuClock.withLock { id in
            if let id { cpuAtEnd.withLock { $0 = Self.read(id) } }
            id = nil
        }
        group.shutdownGracefully { _ in }
    }

    private static func read(_ id: clockid_t) -> UInt64 {
        var time = timespec()
        guard clock_gettime(id, &time) == 0 else { return 0 }
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
}
