import Dispatch
package import Logging
import Synchronization

/// Sends spans to an OpenTelemetry collector, by itself, on a thread of its own.
///
/// Nothing happens before ``start()``. ``submit(_:)`` may be called on any thread and never waits. ``stop()`` sends what is queued, in
/// bounded time. Every span that was submitted is at some time counted as exported or as lost by one cause.
package final class OTLPExporter: SpanExporter {
    package let settings: ExporterSettings
    private let queue: SpanQueue
    private let ledger: ExportLedger
    private let encoder: TraceEncoder
    private let clock: any ExportClock
    private let logger: Logger
    private let running = Mutex<Running?>(nil)
    private let cpuAtEnd = Mutex<UInt64>(0)

    private struct Running {
        let thread: ExporterThread
        let task: Task<Void, Never>
        let isOver: DispatchSemaphore
    }

    /// What `top -H` shows of its thread.
    package static let threadName = ExporterThread.name

    package init(
        settings: ExporterSettings, resource: Resource, scope: InstrumentationScope, logger: Logger,
        clock: any ExportClock = SystemExportClock()
    ) {
        self.settings = settings
        self.clock = clock
        self.logger = logger
        queue = SpanQueue(spansMax: settings.queueSpansMax)
        ledger = ExportLedger(clock: clock, logger: logger, endpoint: settings.endpoint.description)
        encoder = TraceEncoder(encoding: settings.transport.encoding, resource: resource, scope: scope)
    }

    /// Starts the thread. Harmless when it runs.
    ///
    /// A certificate or key that can't be used is told in the log; the exporter then runs, and loses all spans as `tls`.
    package func start() {
        running.withLock { running in
            guard running == nil, !queue.isClosed else { return }
            let thread = ExporterThread()
            let isOver = DispatchSemaphore(value: 0)
            let task = Task(executorPreference: thread) { [self] in
                let transport = makeTransport(on: thread)
                await ExportLoop(
                    settings: settings, encoder: encoder, transport: transport, queue: queue, ledger: ledger,
                    clock: clock
                ).run()
                // Not in the task that may have been cancelled: closing takes a moment too.
                await Task(executorPreference: thread) { await transport.close() }.value
                isOver.signal()
            }
            running = Running(thread: thread, task: task, isOver: isOver)
        }
    }

    private func makeTransport(on thread: ExporterThread) -> any ExportTransport {
        do {
            switch settings.transport {
            case .httpProtobuf, .httpJSON: return try HTTPExportTransport(settings, on: thread, logger: logger)
            case .grpc: return try GRPCExportTransport(settings, on: thread)
            }
        } catch {
            let text = "no connection can be set up: \(error)"
            logger.error("OpenTelemetry: \(text)")
            return BrokenTransport(text: text)
        }
    }

    package func submit(_ spans: [Span]) {
        ledger.submitted(spans.count)
        let (refused, why) = queue.put(spans)
        switch why {
        case .full: ledger.lost(refused, .queueFull)
        case .closed: ledger.lost(refused, .shutdown)
        }
    }

    /// Sends what is queued for ``ExportLimits/flushMillisecondsMax`` at most, gives the rest up and ends the thread. Blocks its caller.
    package func stop() {
        queue.close()
        guard let running = running.withLock({ $0.take() }) else {
            return ledger.lost(queue.take(.max).count, .shutdown)
        }
        if running.isOver.wait(timeout: .now() + .milliseconds(ExportLimits.flushMillisecondsMax)) == .timedOut {
            running.task.cancel()
            _ = running.isOver.wait(timeout: .now() + .milliseconds(ExportLimits.closeMillisecondsMax))
        }
        let spent = running.thread.cpuNanoseconds
        cpuAtEnd.withLock { $0 = spent }
        running.thread.stop()
        let lost = ledger.counts.lost[.shutdown, default: 0]
        if lost > 0 { logger.warning("OpenTelemetry: \(lost) spans were not delivered before the end") }
    }

    /// How it is doing. Any thread; takes a few locks for a moment.
    package var status: ExporterStatus {
        let thread = running.withLock { $0?.thread }
        return ExporterStatus(
            settings: settings, ledger: ledger.snapshot, isRunning: thread != nil, queuedSpans: queue.count,
            queuedBytes: queue.bytes,
            cpuNanoseconds: thread?.cpuNanoseconds ?? cpuAtEnd.withLock { $0 }, now: clock.monotonicNanoseconds())
    }
}

/// Stands in for a transport that could not be made: its certificates can't be read.
private struct BrokenTransport: ExportTransport {
    let text: String

    func send(_ request: [UInt8], nanoseconds: UInt64) async -> ExportOutcome { .refused(.tls, text) }
    func close() async {}
}
