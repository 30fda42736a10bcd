import Synchronization
import Testing

@testable import Profiling

/// What the example needs beside profiling: a queue and threads.
final class RequestQueue: Sendable {
    private struct Contents {
        var requests: [KeyValueServer.Request] = []
        var isClosed = false
    }

    private let monitor = Monitor()
    private let contents = Guarded(Contents())

    func put(_ request: KeyValueServer.Request) {
        monitor.withLock {
            contents.value.requests.append(request)
            monitor.notifyAll()
        }
    }

    /// The next request in order; none when the queue is closed and empty.
    func take() -> KeyValueServer.Request? {
        monitor.withLock {
            while contents.value.requests.isEmpty {
                if contents.value.isClosed { return nil }
                monitor.wait()
            }
            return contents.value.requests.removeFirst()
        }
    }

    func close() {
        monitor.withLock {
            contents.value.isClosed = true
            monitor.notifyAll()
        }
    }
}

/// A thread and its probe.
final class Worker: Sendable {
    let probe: Probe
    private let thread = Mutex<Thread?>(nil)

    init(_ probe: Probe) { self.probe = probe }

    func start(_ body: @escaping @Sendable () -> Void) {
        thread.withLock { $0 = Thread.spawn(name: "worker", run: body) }
    }

    func join() { thread.withLock { $0 }?.join() }
}
