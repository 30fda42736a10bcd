import Glibc

/// A mutex with a condition, for the threads that sleep: the collector and the consumers' own. Not for hot paths.
final class Monitor: @unchecked Sendable {
    // @unchecked: both are made to be shared.
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let condition: UnsafeMutablePointer<pthread_cond_t>

    init() {
        mutex = .allocate(capacity: 1)
        mutex.initialize(to: pthread_mutex_t())
        condition = .allocate(capacity: 1)
        condition.initialize(to: pthread_cond_t())
        pthread_mutex_init(mutex, nil)
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        pthread_cond_init(condition, &attributes)
        pthread_condattr_destroy(&attributes)
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        condition.deallocate()
        mutex.deallocate()
    }

    func withLock<Result>(_ body: () -> Result) -> Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return body()
    }

    /// Sleeps until somebody notifies; inside `withLock`, in a loop that looks at what it waits for.
    func wait() { pthread_cond_wait(condition, mutex) }

    /// The same, but not for longer than that. Says whether it was notified (or woke for no reason).
    @discardableResult
    func wait(nanoseconds: UInt64) -> Bool {
        var deadline = timespec()
        clock_gettime(CLOCK_MONOTONIC, &deadline)
        let total = UInt64(deadline.tv_nsec) + nanoseconds % 1_000_000_000
        deadline.tv_sec += Int(nanoseconds / 1_000_000_000 + total / 1_000_000_000)
        deadline.tv_nsec = Int(total % 1_000_000_000)
        return pthread_cond_timedwait(condition, mutex, &deadline) != ETIMEDOUT
    }

    func notifyAll() { pthread_cond_broadcast(condition) }
}

/// A value behind a mutex of its own.
///
/// Not the standard library's `Mutex`: a contended one is handed over by the kernel, which ThreadSanitizer does not see, so
/// that it reports races that are none.
final class Locked<Value: ~Copyable>: @unchecked Sendable {
    // @unchecked: `value` is touched under the lock only.
    private let monitor = Monitor()
    private var value: Value

    init(_ value: consuming Value) { self.value = value }

    func withLock<Result>(_ body: (inout Value) -> Result) -> Result { monitor.withLock { body(&value) } }
}
