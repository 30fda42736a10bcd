import Synchronization

/// Ends work that may not have begun yet. Any thread.
final class Cancellation: Sendable {
    private struct State {
        var isCancelled = false
        var body: (@Sendable () -> Void)?
    }

    private let state = Mutex(State())

    /// Ends the work now, or as soon as it is known.
    func cancel() {
        let body = state.withLock { state in
            state.isCancelled = true
            defer { state.body = nil }
            return state.body
        }
        body?()
    }

    /// The work has begun: `body` ends it.
    func follow(_ body: @escaping @Sendable () -> Void) {
        let isCancelled = state.withLock { state in
            if !state.isCancelled { state.body = body }
            return state.isCancelled
        }
        if isCancelled { body() }
    }
}

/// Calls what it holds at its first call. Any thread.
final class Once: Sendable {
    private let isDone = Atomic<Bool>(false)
    private let body: @Sendable (Bool) -> Void

    init(_ body: @escaping @Sendable (Bool) -> Void) {
        self.body = body
    }

    func callAsFunction(_ value: Bool) {
        if !isDone.exchange(true, ordering: .relaxed) { body(value) }
    }
}
