import Testing

@testable import OpenTelemetry

struct ExportLoopTests {
    private let clock = LeapingClock()
    private let log = LogLines()

    private struct Result {
        var counts: ExportLedger.Counts
        var requests: [[UInt8]]
        var lines: [String]
        var slept: [UInt64]
    }

    /// Sends `spans` against `outcomes`; the queue is closed after request number `closeAt`, or when all is through.
    private func run(
        _ spans: [Span], _ outcomes: [ExportOutcome], batch: Int = 100, closeAt: Int, requestBytesMax: Int = 1 << 20,
        step: Int64 = 0, encoding: TraceEncoding = .protobuf
    ) async -> Result {
        var settings = ExporterSettings()
        settings.batchSpansMax = batch
        settings.delayMilliseconds = 5
        let queue = SpanQueue(spansMax: 1000)
        let ledger = ExportLedger(clock: clock, logger: log.logger, endpoint: "http://c/v1/traces")
        let transport = ScriptedTransport(outcomes) { [clock] number in
            if step != 0 { clock.stepWall(seconds: step) }
            if number == closeAt { queue.close() }
        }
        ledger.submitted(spans.count)
        _ = queue.put(spans)
        let encoder = TraceEncoder(
            encoding: encoding, resource: EncodingTests.resource, scope: EncodingTests.scope)
        await ExportLoop(
            settings: settings, encoder: encoder, transport: transport, queue: queue, ledger: ledger, clock: clock,
            random: { _ in 1 }, requestBytesMax: requestBytesMax
        ).run()
        #expect(ledger.snapshot.phase == .stopped)
        #expect(queue.count == 0 && queue.bytes == 0)
        return Result(
            counts: ledger.counts, requests: transport.requests, lines: log.lines,
            slept: clock.slept.filter { $0 > 5_000_000 })
    }

    @Test func batchesGoOutInOrder() async throws {
        let result = await run(spans(25), [.taken(TraceAnswer())], batch: 10, closeAt: 3)
        #expect(result.counts.exported == 25 && result.counts.lostTotal == 0 && result.counts.requests == 3)
        let numbers = try result.requests.flatMap { request in
            try WireRequest(serializedBytes: request).resourceSpans[0].scopeSpans[0].spans.map { $0.spanID.last }
        }
        #expect(numbers == (1...25).map { UInt8($0) })
        #expect(result.lines.isEmpty)
    }

    @Test func itTriesAgainWithBackOffAndTheSameBytes() async {
        let failure = ExportOutcome.failed(.unreachable, "refused")
        let result = await run(spans(3), [failure, failure, failure, .taken(TraceAnswer())], closeAt: 4)
        #expect(result.counts.exported == 3 && result.counts.retries == 3)
        #expect(result.slept == [1, 2, 4].map { $0 * 1_000_000_000 })
        #expect(Set(result.requests).count == 1)
        #expect(result.lines.isEmpty)
    }

    @Test(arguments: [LossCause.unreachable, .timeout, .tls, .retryExhausted])
    func aBatchIsGivenUpByItsDeadline(cause: LossCause) async {
        // 1 + 2 + 4 + 8 s of waiting; the next 15 would go past the batch's 30.
        let failure = ExportOutcome.failed(cause, "why")
        let result = await run(
            spans(7), Array(repeating: failure, count: 5) + [.taken(TraceAnswer())], batch: 4, closeAt: 6)
        #expect(result.counts.lost == [cause: 4] && result.counts.exported == 3)
        #expect(result.slept == [1, 2, 4, 8].map { $0 * 1_000_000_000 })
        #expect(result.lines.count == 1 && result.lines[0].contains(cause.rawValue) && result.lines[0].contains("why"))
    }

    @Test(arguments: [LossCause.rejected, .answerTooBig, .answerBroken])
    func aRefusalIsFinal(cause: LossCause) async {
        let result = await run(spans(7), [.refused(cause, "HTTP 400"), .taken(TraceAnswer())], batch: 4, closeAt: 2)
        #expect(result.counts.lost == [cause: 4] && result.counts.exported == 3 && result.counts.retries == 0)
        #expect(result.slept.isEmpty)
    }

    @Test func partialSuccessIsCountedAndNotSentAgain() async {
        let answer = TraceAnswer(rejectedSpans: 2, message: "quota")
        let result = await run(spans(5), [.taken(answer)], closeAt: 1)
        #expect(result.counts.lost == [.partiallyRejected: 2] && result.counts.exported == 3)
        #expect(result.counts.requests == 1)
        #expect(result.lines.first?.contains("quota") == true)
    }

    @Test func aCollectorCantRejectMoreThanItGot() async {
        let result = await run(spans(5), [.taken(TraceAnswer(rejectedSpans: 500))], closeAt: 1)
        #expect(result.counts.lost == [.partiallyRejected: 5] && result.counts.exported == 0)
    }

    @Test func garbageInATakenAnswerLosesNothing() async {
        let result = await run(spans(5), [.takenUnreadable("garbage")], closeAt: 1)
        #expect(result.counts.exported == 5 && result.counts.lostTotal == 0 && result.counts.answersUnreadable == 1)
    }

    @Test func theCollectorsWaitIsKept() async {
        let outcomes: [ExportOutcome] = [
            .failed(.retryExhausted, "503", .nanoseconds(7_000_000_000)),
            .failed(.retryExhausted, "503", .nanoseconds(UInt64(Int32.max) * 1_000_000_000)), .taken(TraceAnswer()),
        ]
        let result = await run(spans(5), outcomes, closeAt: 3)
        #expect(result.slept == [7, 60].map { $0 * 1_000_000_000 })
        #expect(result.counts.exported == 5)
    }

    /// The system clock is set by a day, forward or back, before every answer.
    @Test(arguments: [-86400, 86400] as [Int64])
    func aStepOfTheSystemClockMovesNoWait(step: Int64) async {
        let failure = ExportOutcome.failed(.unreachable, "refused")
        let dated = ExportOutcome.failed(.retryExhausted, "503", .date(1_795_424_400))
        let result = await run(
            spans(5), [failure, failure, dated, .taken(TraceAnswer())], closeAt: 4, step: step)
        let last: UInt64 = step > 0 ? 4 : 60
        #expect(result.slept == [1, 2, last].map { $0 * 1_000_000_000 })
        #expect(result.counts.exported == 5)
    }

    @Test(arguments: [TraceEncoding.protobuf, .json])
    func tooLargeARequestIsHalvedAndASingleSpanThatIsCounted(encoding: TraceEncoding) async throws {
        let result = await run(
            spans(8, attributeBytes: 1000) + spans(1, attributeBytes: 9000), [.taken(TraceAnswer())], closeAt: 4,
            requestBytesMax: 4096, encoding: encoding)
        #expect(result.counts.exported == 8)
        #expect(result.counts.lost == [.tooBig: 1])
        #expect(result.requests.allSatisfy { $0.count <= 4096 })
    }

    @Test func theEndLeavesNoTimeForAnotherAttempt() async {
        let result = await run(spans(250), [.failed(.unreachable, "refused")], closeAt: 1)
        #expect(result.counts.lost == [.shutdown: 250])
        #expect(result.slept.isEmpty)
    }

    @Test func cancellingCountsWhatIsLeft() async {
        let queue = SpanQueue(spansMax: 1000)
        let ledger = ExportLedger(clock: clock, logger: log.logger, endpoint: "e")
        let loop = ExportLoop(
            settings: ExporterSettings(),
            encoder: TraceEncoder(
                encoding: .json, resource: EncodingTests.resource, scope: EncodingTests.scope),
            transport: HangingTransport(), queue: queue, ledger: ledger, clock: clock)
        _ = queue.put(spans(600))
        queue.close()
        let task = Task { await loop.run() }
        while ledger.snapshot.phase == .idle { await Task.yield() }
        task.cancel()
        await task.value
        #expect(ledger.counts.lost == [.shutdown: 600])
    }
}

/// Never answers.
private struct HangingTransport: ExportTransport {
    func send(_ request: [UInt8], nanoseconds: UInt64) async -> ExportOutcome {
        try? await Task.sleep(nanoseconds: 60_000_000_000)
        return .failed(.timeout, "cancelled")
    }
    func close() async {}
}
