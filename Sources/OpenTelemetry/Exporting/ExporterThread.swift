import CPlatform
import NIOCore
import NIOPosix

/// The one thread on which the exporter encodes, compresses and talks to the collector: a NIO event loop that runs the tasks of
/// Swift's concurrency too. No SIP process waits for it.
final class ExporterThread: TaskExecutor, Sendable {
    let group: MultiThreadedEventLoopGroup
    private let loop: any EventLoop
    private let clock = ThreadClock()

    /// What `top -H` shows.
    static let name = "otlp-exporter"

    init() {
        group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        loop = group.next()
        loop.execute { [clock] in
            cplatform_name_thread(Self.name)
            clock.begin()
        }
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        loop.execute { [self] in job.runSynchronously(on: asUnownedTaskExecutor()) }
    }

    /// What the thread has spent, user and system. Any thread.
    var cpuNanoseconds: UInt64 { clock.nanoseconds }

    /// Ends the thread. Nothing may be enqueued after it.
    func stop() {
        clock.end()
        group.shutdownGracefully { _ in }
    }
}
