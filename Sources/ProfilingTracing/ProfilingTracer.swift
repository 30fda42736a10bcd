public import Profiling
import Synchronization
public import Tracing

/// Shows code that uses swift-distributed-tracing: each outermost span is a session of a process of its own, it and the
/// spans inside it are jobs with `enter` and `exit`.
///
/// Spans may begin and end on any thread. A session is written when its outermost span ends, each record with the time at
/// which it happened; spans that ran side by side come one after the other, in the order in which they began. While
/// nobody is interested a span costs one load. While somebody is, it allocates and takes a lock: unlike a `Probe`'s job,
/// it is not for the innermost loop.
///
/// Give it to `InstrumentationSystem.bootstrap`, or call its `withSpan`. It carries nothing over a network, and the
/// times are its own: an instant passed to `startSpan` is not looked at.
public final class ProfilingTracer: Tracer {
    /// How many spans of one session are kept; further ones are left out.
    public static let spansMax = 1024

    private let profiler: Profiler
    private let session: Site
    /// The ring takes one writer at a time.
    private let probe: Mutex<Probe>
    private let shared: Probe

    /// The process that its sessions belong to.
    public var process: Int { shared.process }

    /// Adds a process of that description to the profiler; set its level to hear of it.
    public init(profiler: Profiler, description: String = "tracing", id: Int? = nil) {
        self.profiler = profiler
        let probe = profiler.addProcess(id: id, description: description, type: 4)
        session = profiler.sites.register(SiteDescription(name: description, interest: .sip))
        shared = probe
        self.probe = Mutex(probe)
    }

    /// Begins a span inside the one of the context, or as the outermost of a session.
    public func startSpan<Instant: TracerInstant>(
        _ operationName: String, context: @autoclosure () -> ServiceContext, ofKind kind: SpanKind,
        at instant: @autoclosure () -> Instant, function: String, file fileID: String, line: UInt
    ) -> ProfilingSpan {
        var context = context()
        let parent = context[SpanKey.self]
        guard let trace = parent?.trace ?? (shared.wouldWant(session) ? Trace(tracer: self) : nil),
            let number = trace.begin(
                operationName, file: fileID, line: Int(line), parent: parent?.number, ticks: shared.ticks)
        else { return ProfilingSpan(name: operationName, context: context, reference: nil) }
        let reference = SpanReference(trace: trace, number: number)
        context[SpanKey.self] = reference
        return ProfilingSpan(name: operationName, context: context, reference: reference)
    }

    /// The same, for callers that don't know the type.
    public func startAnySpan<Instant: TracerInstant>(
        _ operationName: String, context: @autoclosure () -> ServiceContext, ofKind kind: SpanKind,
        at instant: @autoclosure () -> Instant, function: String, file fileID: String, line: UInt
    ) -> any Tracing.Span {
        startSpan(
            operationName, context: context(), ofKind: kind, at: instant(), function: function, file: fileID,
            line: line)
    }

    /// Nothing waits here: a session is in the ring when its outermost span has ended.
    public func forceFlush() {}

    /// Nothing is taken from a network.
    public func extract<Carrier, Extract: Extractor>(
        _ carrier: Carrier, into context: inout ServiceContext, using extractor: Extract
    ) where Extract.Carrier == Carrier {}

    /// Nothing is given to a network.
    public func inject<Carrier, Inject: Injector>(
        _ context: ServiceContext, into carrier: inout Carrier, using injector: Inject
    ) where Inject.Carrier == Carrier {}

    var ticks: UInt64 { shared.ticks }

    /// Writes a finished session, if somebody still wants it.
    func write(_ spans: [Trace.Node], end: UInt64) {
        guard let root = spans.first, shared.wouldWant(session) else { return }
        let sites = spans.map { span in
            profiler.sites.register(
                SiteDescription(name: span.name, file: span.file, line: span.line, interest: .sip))
        }
        probe.withLock { probe in
            probe.writeLate(.start, session, ticks: root.begin)
            // The frames of a walk through the tree: a span, and how many of its inner ones are done.
            var walk: [(span: Int, done: Int)] = [(0, 0)]
            probe.writeLate(.enter, sites[0], ticks: root.begin)
            while let top = walk.last {
                let span = spans[top.span]
                if top.done < span.inner.count {
                    walk[walk.count - 1].done += 1
                    let inner = span.inner[top.done]
                    probe.writeLate(.enter, sites[inner], ticks: spans[inner].begin)
                    walk.append((inner, 0))
                } else {
                    probe.writeLate(.exit, sites[top.span], status: span.status, ticks: span.end ?? end)
                    walk.removeLast()
                }
            }
            probe.writeLate(.end, session, status: root.status, ticks: end)
        }
    }
}

/// Which span a context lies in.
struct SpanReference: Sendable {
    let trace: Trace
    let number: Int
}

private enum SpanKey: ServiceContextKey {
    typealias Value = SpanReference
    static let nameOverride: String? = "sipray-profiling-span"
}
