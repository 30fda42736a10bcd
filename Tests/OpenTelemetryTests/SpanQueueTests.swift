import JSONRPC
import Testing

@testable import OpenTelemetry

struct SpanQueueTests {
    @Test func itIsBoundedInNumber() {
        let queue = SpanQueue(spansMax: 10)
        #expect(queue.put(spans(7)).refused == 0)
        #expect(queue.put(spans(7)).refused == 4)
        #expect(queue.put(spans(1)).refused == 1)
        #expect(queue.take(4).count == 4)
        #expect(queue.put(spans(5)).refused == 1)
        #expect(queue.count == 10)
    }

    @Test func itIsBoundedInBytes() {
        let queue = SpanQueue(spansMax: 1000, bytesMax: 10_000)
        let (refused, why) = queue.put(spans(20, attributeBytes: 1000))
        #expect(queue.bytes <= 10_000 && queue.count == 20 - refused && refused > 10)
        #expect(why == .full)
        while !queue.take(3).isEmpty {}
        #expect(queue.bytes == 0 && queue.count == 0)
    }

    @Test(arguments: [1, 3, 7, 64, 1000])
    func orderIsKept(size: Int) {
        let queue = SpanQueue(spansMax: 1000)
        let all = spans(100)
        for start in stride(from: 0, to: 100, by: 9) { _ = queue.put(Array(all[start..<min(start + 9, 100)])) }
        var out: [Span] = []
        while case let part = queue.take(size), !part.isEmpty { out += part }
        #expect(out == all)
    }

    @Test func aClosedQueueTakesNothing() {
        let queue = SpanQueue(spansMax: 10)
        queue.close()
        let (refused, why) = queue.put(spans(3))
        #expect(refused == 3 && why == .closed)
    }

    @Test func aWaiterIsWokenBySpansByTheEndAndByCancelling() async {
        let queue = SpanQueue(spansMax: 10)
        async let first: Void = queue.wait(for: 3, nanoseconds: nil, clock: SystemExportClock())
        _ = queue.put(spans(2))
        _ = queue.put(spans(1))
        await first
        let task = Task { await queue.wait(for: 9, nanoseconds: nil, clock: SystemExportClock()) }
        task.cancel()
        await task.value
        async let last: Void = queue.wait(for: .max, nanoseconds: nil, clock: SystemExportClock())
        queue.close()
        await last
        #expect(queue.count == 3)
    }
}

struct ExportLedgerTests {
    @Test func aLossIsToldOnceWhenItBeginsAndOnceWhenItIsOver() {
        let clock = LeapingClock()
        let log = LogLines()
        let ledger = ExportLedger(clock: clock, logger: log.logger, endpoint: "http://c/")
        for _ in 0..<100 { ledger.lost(5, .queueFull) }
        ledger.lost(1, .rejected, "HTTP 400")
        ledger.exported(10)
        #expect(log.lines.count == 1 && ledger.snapshot.isLosing)
        clock.pass(nanoseconds: 3_000_000_000)
        ledger.exported(10)
        #expect(log.lines.count == 2 && !ledger.snapshot.isLosing)
        #expect(log.lines[1].contains("501") && log.lines[1].contains("queue_full 500, rejected 1"))
        ledger.exported(10)
        #expect(log.lines.count == 2)
        ledger.lost(1, .timeout)
        #expect(log.lines.count == 3 && ledger.counts.lostTotal == 502)
    }

    /// What a thread reads while another one counts: never a loss without its reason.
    @Test func aLossIsNeverSeenWithoutItsReason() async {
        let ledger = ExportLedger(clock: SystemExportClock(), logger: LogLines().logger, endpoint: "http://c/")
        let losing = Task.detached {
            for number in 1...20_000 { ledger.lost(1, .rejected, "HTTP \(number)") }
        }
        var seen = 0
        while seen < 20_000 {
            let now = ledger.snapshot
            seen = now.counts.lostTotal
            #expect(now.isLosing == (seen > 0) && now.lastError?.text == (seen > 0 ? "HTTP \(seen)" : nil))
        }
        await losing.value
    }

    /// The thread that exports has read the clock, then another one lost a span and was first at the ledger.
    @Test(
        arguments: [
            // The times that `lost`, `exported`, `lost`, `exported` come with, in milliseconds, and whether the loss is over then.
            ([10_000, 9_999, 10_000, 10_001], false),
            ([10_000, 0, 5_000, 11_999], false),
            ([10_000, 9_000, 9_500, 12_000], true),
            ([10_000, 9_999, 10_500, 12_000], false),
            ([10_000, 9_999, 10_500, 12_500], true),
        ] as [([UInt64], Bool)])
    func timesMayComeInAnotherOrderThanTheyWereRead(_ milliseconds: [UInt64], isOver: Bool) {
        let log = LogLines()
        let ledger = ExportLedger(
            clock: ListedClock(nanoseconds: milliseconds.map { $0 * 1_000_000 }), logger: log.logger,
            endpoint: "http://c/")
        ledger.lost(1, .queueFull)
        ledger.exported(1)
        ledger.lost(1, .queueFull)
        ledger.exported(1)
        #expect(ledger.snapshot.isLosing == !isOver && log.lines.count == (isOver ? 2 : 1))
        if isOver { #expect(log.lines.last?.contains("2 were, in 2 s: queue_full 2") == true) }
        #expect(ledger.counts.exported == 2 && ledger.counts.lostTotal == 2)
    }

    @Test func everySpanIsCountedOnceInTheStatus() throws {
        var settings = ExporterSettings()
        settings.queueSpansMax = 10
        let exporter = OTLPExporter(
            settings: settings, resource: EncodingTests.resource, scope: EncodingTests.scope, logger: LogLines().logger)
        exporter.submit(spans(25))
        exporter.stop()
        exporter.submit(spans(5))
        let status = exporter.status
        #expect(status.submitted == 30 && status.queuedSpans == 0)
        #expect(status.lost == [.queueFull: 15, .shutdown: 15])
        let json = status.json
        #expect(json["lost"]?["queue_full"]?.integerValue == 15)
        #expect(json["endpoint"]?.stringValue == "http://localhost:4318/v1/traces")
        #expect(json["queue"]?["spans_max"]?.integerValue == 10)
        #expect(ExporterStatus.figures.first { $0.name == "spans_lost" }?.read(status) == 30)
    }
}
