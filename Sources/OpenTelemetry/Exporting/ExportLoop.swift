/// Takes spans from the queue and sends them, batch after batch, until the queue is closed and empty: one task.
///
/// One request is on its way at a time. A batch that can't be delivered holds up the next ones for as long as it may take with
/// all its retries; meanwhile the queue fills, and what it does not hold is lost there.
final class ExportLoop: Sendable {
    private let settings: ExporterSettings
    private let policy: RetryPolicy
    private let encoder: TraceEncoder
    private let transport: any ExportTransport
    private let queue: SpanQueue
    private let ledger: ExportLedger
    private let clock: any ExportClock
    private let random: @Sendable (ClosedRange<Double>) -> Double
    private let requestBytesMax: Int

    init(
        settings: ExporterSettings, encoder: TraceEncoder,
        transport: any ExportTransport, queue: SpanQueue, ledger: ExportLedger, clock: any ExportClock,
        random: @escaping @Sendable (ClosedRange<Double>) -> Double = { .random(in: $0) },
        requestBytesMax: Int = ExportLimits.requestBytesMax
    ) {
        self.settings = settings
        policy = RetryPolicy(batchMilliseconds: settings.batchMilliseconds)
        self.encoder = encoder
        self.transport = transport
        self.queue = queue
        self.ledger = ledger
        self.clock = clock
        self.random = random
        self.requestBytesMax = requestBytesMax
    }

    /// Returns when the queue is closed and all of it is sent or lost, or soon after the task is cancelled.
    func run() async {
        while true {
            await queue.wait(for: 1, nanoseconds: nil, clock: clock)
            if !queue.isClosed, settings.delayMilliseconds > 0 {
                await queue.wait(
                    for: settings.batchSpansMax, nanoseconds: UInt64(settings.delayMilliseconds) * 1_000_000,
                    clock: clock)
            }
            if Task.isCancelled { break }
            let spans = queue.take(settings.batchSpansMax)
            if spans.isEmpty {
                if queue.isClosed { break }
                continue
            }
            await deliver(spans[...])
            if !Task.isCancelled { ledger.enter(.idle) }
        }
        queue.close()
        while case let rest = queue.take(settings.batchSpansMax), !rest.isEmpty { ledger.lost(rest.count, .shutdown) }
        ledger.enter(.stopped)
    }

    /// Sends a batch, in halves when it is larger than a request may be.
    private func deliver(_ spans: ArraySlice<Span>) async {
        if let request = encoder.encode(spans, bytesMax: requestBytesMax) {
            await deliver(request, count: spans.count)
        } else if spans.count == 1 {
            ledger.lost(1, .tooBig, "one span takes more than a request may, \(requestBytesMax) bytes")
        } else {
            let middle = spans.startIndex + spans.count / 2
            await deliver(spans[..<middle])
            await deliver(spans[middle...])
        }
    }

    private func deliver(_ request: [UInt8], count: Int) async {
        let deadline = clock.monotonicNanoseconds() + UInt64(settings.batchMilliseconds) * 1_000_000
        var attempt = 1
        while true {
            if Task.isCancelled { return ledger.lost(count, .shutdown) }
            ledger.enter(.sending(attempt: attempt))
            switch await send(request) {
            case .taken(let answer): return took(count, answer)
            case .takenUnreadable(let text):
                ledger.answerUnreadable(text)
                return ledger.exported(count)
            case .refused(let cause, let text): return ledger.lost(count, cause, text)
            case .failed(let cause, let text, let wanted):
                ledger.note(text)
                // The end of the server leaves no time for another attempt.
                guard !queue.isClosed, !Task.isCancelled else { return ledger.lost(count, .shutdown) }
                let now = clock.monotonicNanoseconds()
                let wait = policy.wait(
                    attempt: attempt, wanted: wanted?.nanoseconds(wallNanoseconds: clock.wallNanoseconds()), now: now,
                    deadline: deadline, random: random)
                guard let wait else { return ledger.lost(count, cause, text) }
                ledger.enter(.waiting(attempt: attempt, until: now + wait))
                await queue.wait(for: .max, nanoseconds: wait, clock: clock)
                attempt += 1
            }
        }
    }

    private func took(_ count: Int, _ answer: TraceAnswer) {
        let rejected = min(answer.rejectedSpans, count)
        if rejected > 0 {
            ledger.lost(
                rejected, .partiallyRejected,
                "the collector took all but \(rejected) of \(count) spans: \(answer.message)")
        } else if !answer.message.isEmpty {
            ledger.note("the collector warns: \(answer.message)")
        }
        ledger.exported(count - rejected)
    }

    /// One attempt, bounded in time whatever the transport does.
    private func send(_ request: [UInt8]) async -> ExportOutcome {
        let nanoseconds = UInt64(settings.requestMilliseconds) * 1_000_000
        return await withTaskGroup(of: ExportOutcome?.self) { [transport, clock] group in
            group.addTask { await transport.send(request, nanoseconds: nanoseconds) }
            group.addTask {
                try? await clock.sleep(nanoseconds: nanoseconds)
                return nil
            }
            let first = await group.next() ?? nil
            group.cancelAll()
            return first ?? .failed(.timeout, "no answer within \(nanoseconds / 1_000_000) ms")
        }
    }
}
