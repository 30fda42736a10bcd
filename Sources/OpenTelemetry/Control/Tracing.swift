import CPlatform
import Glibc
package import Profiling
import Synchronization

/// Tracing of a server: a consumer of the profiler's records, the thread that makes spans of them, and the switch.
///
/// Off it has no interest, so that no process writes anything for it. Switching, on any thread and at any time, breaks no
/// session: those that are open when it is switched off are still seen to their end, and sent.
package final class Tracing: Sendable {
    package let settings: TracingSettings
    package let description: TraceDescription
    private let profiler: Profiler
    private let consumer = Consumer(name: "opentelemetry", queueRecordsMax: Tracing.queueRecordsMax)
    private let exporter: any SpanExporter
    private let clock = ThreadClock()
    private let state = Mutex(State())
    /// Log lines up to this level are noted.
    private let noted = Atomic<Int>(Int.min)
    /// `State.isEnabled`, for who must not wait.
    private let isOn = Atomic<Bool>(false)

    private struct State {
        var isEnabled = false
        var figures = TracingFigures()
        var thread: pthread_t?
    }

    /// What `top -H` shows of the thread that makes spans.
    package static let threadName = "opentelemetry"
    /// How long a tree waits for the records of what caused it, when none come.
    private static let causeNanoseconds: UInt64 = 50_000_000
    /// Records that wait for the thread at most.
    package static let queueRecordsMax = 65_536

    package init(
        settings: TracingSettings, description: TraceDescription, profiler: Profiler, exporter: any SpanExporter
    ) {
        self.settings = settings
        self.description = description
        self.profiler = profiler
        self.exporter = exporter
    }

    /// Log lines up to this level are to be noted in the session that writes them; `Int.min`: none. One relaxed load.
    package var logLevel: Int { noted.load(ordering: .relaxed) }

    package var isEnabled: Bool { state.withLock { $0.isEnabled } }

    package var figures: TracingFigures {
        var figures = state.withLock { $0.figures }
        figures.recordsLost = consumer.losses.total
        return figures
    }

    /// Starts the thread, and tracing itself if `enable` says so. Once.
    package func start() {
        let argument = Unmanaged.passRetained(self)
        var thread = pthread_t()
        let code = pthread_create(
            &thread, nil,
            { argument in
                // The pointer is the object that `start` retained for this thread.
                let tracing = Unmanaged<Tracing>.fromOpaque(argument!).takeRetainedValue()
                cplatform_name_thread(Tracing.threadName)
                tracing.run()
                return nil
            }, argument.toOpaque())
        precondition(code == 0, "Tracing: can't start a thread: error \(code)")
        state.withLock { $0.thread = thread }
        if settings.isEnabled { setEnabled(true) }
    }

    /// Ends the thread once it has made spans of what is there. After the processes have ended; `Profiler.stop` may have
    /// been called before.
    package func stop() {
        let thread = state.withLock { state in
            defer { state.thread = nil }
            return state.thread
        }
        guard let thread else { return }
        profiler.collect()
        profiler.detach(consumer)
        pthread_join(thread, nil)
    }

    /// Switches tracing. Says whether it is on now: never with `OTEL_SDK_DISABLED`.
    @discardableResult
    package func setEnabled(_ isEnabled: Bool) -> Bool {
        state.withLock { state in
            let isEnabled = isEnabled && !settings.isDisabled
            guard isEnabled != state.isEnabled else { return isEnabled }
            state.isEnabled = isEnabled
            // What begins between the two is not for tracing.
            // `proc_profiling` asks for processes to be seen: those that say nothing say level 1.
            if isEnabled, settings.profilesProcesses { profiler.hold(.stack, holder: Self.levelHolder) }
            var wants: Interest = [.script, .annotations]
            if settings.profilesProcesses { wants.formUnion(.process) }
            profiler.attach(consumer, wants: isEnabled ? wants : [])
            if !isEnabled { profiler.release(holder: Self.levelHolder) }
            isOn.store(isEnabled, ordering: .relaxed)
            noted.store(isEnabled ? settings.logLevel ?? Int.min : Int.min, ordering: .relaxed)
            return isEnabled
        }
    }

    /// Who holds the level of processes while tracing is on.
    private static let levelHolder = "opentelemetry"

    /// What the thread that makes spans has spent. Any thread.
    package var cpuNanoseconds: UInt64 { clock.nanoseconds }

    private func run() {
        clock.begin()
        defer { clock.end() }
        var assembler = SpanAssembler(description)
        while let records = assembler.isWaiting
            ? consumer.next(nanoseconds: Self.causeNanoseconds) : consumer.next()
        {
            hand(assembler.take(records), assembler.figures)
        }
        hand(assembler.finish(), assembler.figures)
    }

    private func hand(_ spans: [Span], _ figures: TracingFigures) {
        if !spans.isEmpty { exporter.submit(spans) }
        state.withLock { $0.figures = figures }
    }

    // MARK: Propagation

    /// The `traceparent` of a request that leaves on behalf of a session: `incoming` and `callID` are those of the request that
    /// the session is about. nil while tracing is off: no span bears the id.
    package func traceParent(
        _ records: SessionLink, incoming: TraceParent?, callID: some Collection<UInt8>
    ) -> TraceParent? {
        guard isOn.load(ordering: .relaxed) else { return nil }
        let identity = description.identity
        let own = incoming?.traceID ?? identity.traceID(origin: records.origin.rawValue)
        let trace = description.tracesCalls && !callID.isEmpty ? TraceIdentity.traceID(callID: callID) : own
        return TraceParent(
            traceID: trace, spanID: identity.spanID(session: records.session.rawValue),
            isSampled: description.sampler.keeps(trace, isParentSampled: incoming?.isSampled))
    }
}
