import Logging
import Synchronization

@testable import OpenTelemetry

/// A clock that moves only when someone sleeps by it: each sleep is over at once and takes its time.
final class LeapingClock: ExportClock {
    private struct State {
        var monotonic: UInt64 = 1_000_000_000
        var wall: UInt64 = 1_795_424_400_000_000_000
        var slept: [UInt64] = []
    }
    private let state = Mutex(State())

    func monotonicNanoseconds() -> UInt64 { state.withLock { $0.monotonic } }
    func wallNanoseconds() -> UInt64 { state.withLock { $0.wall } }
    func sleep(nanoseconds: UInt64) async throws {
        // The time of a request never runs out by itself: only waits between attempts and for a batch pass.
        if nanoseconds == Self.requestNanoseconds {
            try await Task.sleep(nanoseconds: 60_000_000_000)
        }
        try Task.checkCancellation()
        state.withLock { state in
            state.monotonic += nanoseconds
            state.wall += nanoseconds
            state.slept.append(nanoseconds)
        }
    }

    /// Somebody sets the system clock.
    func stepWall(seconds: Int64) {
        state.withLock { $0.wall = UInt64(Int64($0.wall) + seconds * 1_000_000_000) }
    }

    func pass(nanoseconds: UInt64) { state.withLock { $0.monotonic += nanoseconds } }

    var slept: [UInt64] { state.withLock { $0.slept } }
    static let requestNanoseconds: UInt64 = 10_000_000_000
}

/// A clock that reads the listed times, one after the other, as threads do that read it and are then held up.
final class ListedClock: ExportClock {
    private let times: Mutex<[UInt64]>

    init(nanoseconds: [UInt64]) { times = Mutex(nanoseconds) }

    func monotonicNanoseconds() -> UInt64 { times.withLock { $0.removeFirst() } }
    func wallNanoseconds() -> UInt64 { 0 }
    func sleep(nanoseconds: UInt64) async throws {}
}

/// Answers requests from a list, the last answer again and again.
final class ScriptedTransport: ExportTransport {
    private struct State {
        var outcomes: [ExportOutcome]
        var requests: [[UInt8]] = []
    }
    private let state: Mutex<State>
    private let before: @Sendable (Int) -> Void

    /// - Parameter before: Called with the number of each request, from 1.
    init(_ outcomes: [ExportOutcome], before: @escaping @Sendable (Int) -> Void = { _ in }) {
        state = Mutex(State(outcomes: outcomes))
        self.before = before
    }

    var requests: [[UInt8]] { state.withLock { $0.requests } }

    func send(_ request: [UInt8], nanoseconds: UInt64) async -> ExportOutcome {
        let (number, outcome) = state.withLock { state in
            state.requests.append(request)
            let outcome = state.outcomes.count > 1 ? state.outcomes.removeFirst() : state.outcomes[0]
            return (state.requests.count, outcome)
        }
        before(number)
        return outcome
    }

    func close() async {}
}

/// Keeps what is logged.
final class LogLines: Sendable {
    private let kept = Mutex<[String]>([])
    var lines: [String] { kept.withLock { $0 } }

    var logger: Logger { Logger(label: "test") { _ in Handler(lines: self) } }

    private struct Handler: LogHandler {
        let lines: LogLines
        var metadata: Logger.Metadata = [:]
        var logLevel: Logger.Level = .debug
        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }
        init(lines: LogLines) { self.lines = lines }
        func log(event: LogEvent) {
            lines.kept.withLock { $0.append("\(event.message)") }
        }
    }
}

func spans(_ count: Int, attributeBytes: Int = 0) -> [Span] {
    (0..<count).map { number in
        var span = Span(
            traceID: TraceID(high: 1, low: 1), spanID: SpanID(UInt64(number + 1)), name: "s", startNanoseconds: 1,
            endNanoseconds: 2)
        if attributeBytes > 0 {
            span.attributes = [Attribute("a", .string(String(repeating: "x", count: attributeBytes)))]
        }
        return span
    }
}
