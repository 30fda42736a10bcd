import Synchronization

/// Spans that wait to be sent: bounded in number and bytes. Any thread puts, the exporter's task takes.
///
/// Putting takes one lock for all spans of a call, never waits, and wakes the taker when enough are there.
final class SpanQueue: Sendable {
    private struct State {
        var chunks: [ArraySlice<Span>] = []
        /// The first chunk that is not empty.
        var head = 0
        var count = 0
        var bytes = 0
        var isClosed = false
        var waiter: CheckedContinuation<Void, Never>?
        /// Spans that the waiter waits for.
        var wanted = 0
    }

    let spansMax: Int
    let bytesMax: Int
    private let state = Mutex(State())

    init(spansMax: Int, bytesMax: Int = ExportLimits.queueBytesMax) {
        self.spansMax = spansMax
        self.bytesMax = bytesMax
    }

    var count: Int { state.withLock { $0.count } }
    var bytes: Int { state.withLock { $0.bytes } }
    var isClosed: Bool { state.withLock { $0.isClosed } }

    enum Refusal: Sendable, Hashable {
        case full
        case closed
    }

    /// Puts as many as there is room for, in order: how many were left out, and why.
    func put(_ spans: [Span]) -> (refused: Int, why: Refusal) {
        guard !spans.isEmpty else { return (0, .full) }
        let (refused, why, waiter) = state.withLock { state in
            guard !state.isClosed else {
                return (spans.count, Refusal.closed, nil as CheckedContinuation<Void, Never>?)
            }
            var taken = 0
            let room = spansMax - state.count
            while taken < min(room, spans.count) {
                let bytes = spans[taken].footprintBytes
                guard state.bytes + bytes <= bytesMax else { break }
                state.bytes += bytes
                taken += 1
            }
            if taken > 0 {
                state.chunks.append(spans[..<taken])
                state.count += taken
            }
            return (spans.count - taken, .full, Self.wakeable(&state))
        }
        waiter?.resume()
        return (refused, why)
    }

    /// Up to `countMax` of the oldest.
    func take(_ countMax: Int) -> [Span] {
        state.withLock { state in
            var out: [Span] = []
            out.reserveCapacity(min(countMax, state.count))
            while out.count < countMax, state.head < state.chunks.count {
                let part = state.chunks[state.head].prefix(countMax - out.count)
                out += part
                state.chunks[state.head].removeFirst(part.count)
                if state.chunks[state.head].isEmpty {
                    // Let go of the array at once, of its place when half of the places are unused.
                    state.chunks[state.head] = []
                    state.head += 1
                }
            }
            if state.head * 2 >= state.chunks.count {
                state.chunks.removeFirst(state.head)
                state.head = 0
            }
            state.count -= out.count
            state.bytes -= out.reduce(0) { $0 + $1.footprintBytes }
            return out
        }
    }

    /// Takes no more spans from now on, and wakes the waiter.
    func close() {
        let waiter = state.withLock { state in
            state.isClosed = true
            return Self.wakeable(&state)
        }
        waiter?.resume()
    }

    /// Waits until `wanted` spans are there, the queue is closed, the time (if any) is over or the task is cancelled. One waiter.
    func wait(for wanted: Int, nanoseconds: UInt64?, clock: any ExportClock) async {
        await withTaskGroup(of: Void.self) { group in
            if let nanoseconds { group.addTask { try? await clock.sleep(nanoseconds: nanoseconds) } }
            group.addTask { await self.signal(wanted) }
            await group.next()
            group.cancelAll()
        }
    }

    private func signal(_ wanted: Int) async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isOver = state.withLock { state in
                    // A cancellation before this has found no waiter to wake.
                    if state.isClosed || state.count >= wanted || Task.isCancelled { return true }
                    state.waiter = continuation
                    state.wanted = wanted
                    return false
                }
                if isOver { continuation.resume() }
            }
        } onCancel: {
            let waiter = state.withLock { state in
                defer { state.waiter = nil }
                return state.waiter
            }
            waiter?.resume()
        }
    }

    /// Takes the waiter out when what it waits for is there.
    private static func wakeable(_ state: inout State) -> CheckedContinuation<Void, Never>? {
        guard state.isClosed || state.count >= state.wanted else { return nil }
        defer { state.waiter = nil }
        return state.waiter
    }
}
