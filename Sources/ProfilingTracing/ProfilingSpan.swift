import Synchronization
public import Tracing

/// A span of `ProfilingTracer`. Its name, place, times and whether it failed are kept; attributes, events and links are
/// not.
public final class ProfilingSpan: Tracing.Span {
    /// The context for what happens inside.
    public let context: ServiceContext
    private let reference: SpanReference?
    private let name: Mutex<String>

    init(name: String, context: ServiceContext, reference: SpanReference?) {
        self.name = Mutex(name)
        self.context = context
        self.reference = reference
    }

    /// The name that `enter` and `exit` bear.
    public var operationName: String {
        get { name.withLock { $0 } }
        set {
            name.withLock { $0 = newValue }
            reference.map { $0.trace.update($0.number) { $0.name = newValue } }
        }
    }

    /// Whether it will show up.
    public var isRecording: Bool { reference.map { $0.trace.isOpen($0.number) } ?? false }

    /// Not kept.
    public var attributes: SpanAttributes {
        get { [:] }
        set {}
    }

    /// An error makes the status -1.
    public func setStatus(_ status: SpanStatus) {
        reference.map { $0.trace.update($0.number) { $0.status = status.code == .error ? -1 : 0 } }
    }

    /// Makes the status -1.
    public func recordError<Instant: TracerInstant>(
        _ error: any Error, attributes: SpanAttributes, at instant: @autoclosure () -> Instant
    ) {
        reference.map { $0.trace.update($0.number) { $0.status = -1 } }
    }

    /// Not kept.
    public func addEvent(_ event: SpanEvent) {}

    /// Not kept.
    public func addLink(_ link: SpanLink) {}

    /// Ends it; once.
    public func end<Instant: TracerInstant>(at instant: @autoclosure () -> Instant) {
        reference.map { $0.trace.end($0.number) }
    }
}
