import Logging
import Synchronization

/// What became of every span that was handed over. Any thread.
///
/// Says in the log when a loss begins and when it is over, not for every span.
final class ExportLedger: Sendable {
    struct Counts: Sendable, Hashable {
        var submitted = 0
        var exported = 0
        var lost: [LossCause: Int] = [:]
        var requests = 0
        var retries = 0
        /// Answers to requests that were taken, that can't be read.
        var answersUnreadable = 0

        var lostTotal: Int { lost.values.reduce(0, +) }
    }

    /// What the exporter does now.
    enum Phase: Sendable, Hashable {
        case idle
        case sending(attempt: Int)
        /// Waits before the next attempt for a batch; until when, monotonic.
        case waiting(attempt: Int, until: UInt64)
        case stopped
    }

    struct Fault: Sendable, Hashable {
        var text: String
        var wallNanoseconds: UInt64
    }

    /// A stretch in which spans are lost, in monotonic nanoseconds.
    ///
    /// The threads read the clock before they take the lock, so a later caller may come with an earlier time: times are compared,
    /// and subtracted only where the order is known.
    private struct Episode {
        let since: UInt64
        private(set) var last: UInt64
        let before: Counts

        init(since: UInt64, before: Counts) {
            self.since = since
            last = since
            self.before = before
        }

        mutating func goesOn(at now: UInt64) { last = max(last, now) }

        /// How long it lasted, if nothing was lost for long enough before `now`; nil: it is not over.
        func lengthNanoseconds(overAt now: UInt64) -> UInt64? {
            guard now >= last + UInt64(ExportLimits.lossQuietMilliseconds) * 1_000_000 else { return nil }
            return now - since
        }
    }

    private struct State {
        var counts = Counts()
        var phase = Phase.idle
        var lastError: Fault?
        var episode: Episode?

        var snapshot: Snapshot {
            Snapshot(counts: counts, phase: phase, lastError: lastError, isLosing: episode != nil)
        }
    }

    /// All of it at one moment: whoever reads that spans were lost reads why.
    struct Snapshot: Sendable {
        let counts: Counts
        let phase: Phase
        let lastError: Fault?
        /// Whether spans are being lost: between the two lines of the log.
        let isLosing: Bool
    }

    private let state = Mutex(State())
    private let clock: any ExportClock
    private let logger: Logger
    private let endpoint: String

    init(clock: any ExportClock, logger: Logger, endpoint: String) {
        self.clock = clock
        self.logger = logger
        self.endpoint = endpoint
    }

    var snapshot: Snapshot { state.withLock { $0.snapshot } }
    var counts: Counts { snapshot.counts }

    func submitted(_ count: Int) { state.withLock { $0.counts.submitted += count } }

    func enter(_ phase: Phase) {
        state.withLock { state in
            state.phase = phase
            if case .sending(let attempt) = phase {
                state.counts.requests += 1
                if attempt > 1 { state.counts.retries += 1 }
            }
        }
    }

    /// Something went wrong, whether or not spans are lost by it.
    func note(_ text: String) {
        let now = clock.wallNanoseconds()
        state.withLock { $0.lastError = Fault(text: text, wallNanoseconds: now) }
    }

    func answerUnreadable(_ text: String) {
        let now = clock.wallNanoseconds()
        state.withLock {
            $0.counts.answersUnreadable += 1
            $0.lastError = Fault(text: text, wallNanoseconds: now)
        }
    }

    func exported(_ count: Int) {
        let now = clock.monotonicNanoseconds()
        let over: (Episode, Counts, UInt64)? = state.withLock { state in
            state.counts.exported += count
            guard let episode = state.episode, let length = episode.lengthNanoseconds(overAt: now) else { return nil }
            state.episode = nil
            return (episode, state.counts, length)
        }
        guard let (episode, counts, length) = over else { return }
        let causes = LossCause.allCases.compactMap { cause -> String? in
            let count = counts.lost[cause, default: 0] - episode.before.lost[cause, default: 0]
            return count > 0 ? "\(cause.rawValue) \(count)" : nil
        }
        logger.notice(
            "OpenTelemetry: no more spans are lost; \(counts.lostTotal - episode.before.lostTotal) were, in \(length / 1_000_000_000) s: \(causes.joined(separator: ", "))"
        )
    }

    /// - Parameter text: What the log says beside the cause; nil: the last error.
    func lost(_ count: Int, _ cause: LossCause, _ text: String? = nil) {
        guard count > 0 else { return }
        let now = clock.monotonicNanoseconds()
        let fault = text.map { Fault(text: $0, wallNanoseconds: clock.wallNanoseconds()) }
        let (isFirst, reason) = state.withLock { state in
            if let fault { state.lastError = fault }
            let before = state.counts
            state.counts.lost[cause, default: 0] += count
            let isFirst = state.episode == nil
            if isFirst { state.episode = Episode(since: now, before: before) }
            state.episode?.goesOn(at: now)
            return (isFirst, state.lastError?.text)
        }
        guard isFirst else { return }
        logger.warning(
            "OpenTelemetry: spans are being lost (\(cause.rawValue)) on their way to \(endpoint)\(reason.map { ": \($0)" } ?? ""); see opentelemetry:status"
        )
    }
}
