/// A span that has ended: what the exporter sends. A plain value; nobody but its holder owns anything of it.
///
/// Times are nanoseconds since 1970, `endNanoseconds` not below `startNanoseconds`.
package struct Span: Sendable, Hashable {
    package var traceID: TraceID
    package var spanID: SpanID
    /// The span around this one; `.none` at the root of a trace.
    package var parentSpanID: SpanID = .none
    /// W3C `tracestate` of the request that brought the trace, as far as it is kept (`TraceContext`).
    package var traceState: String = ""
    package var flags = SpanFlags()
    package var name: String
    package var kind: SpanKind
    package var startNanoseconds: UInt64
    package var endNanoseconds: UInt64
    /// In order of importance; keys differ.
    package var attributes: [Attribute] = []
    /// In order of time.
    package var events: [SpanEvent] = []
    package var links: [SpanLink] = []
    package var status: SpanStatus = .unset
    package var dropped = DroppedCounts()

    package init(
        traceID: TraceID, spanID: SpanID, name: String, kind: SpanKind = .internal, startNanoseconds: UInt64,
        endNanoseconds: UInt64
    ) {
        self.traceID = traceID
        self.spanID = spanID
        self.name = name
        self.kind = kind
        self.startNanoseconds = startNanoseconds
        self.endNanoseconds = endNanoseconds
    }
}

/// What a span stands for (OTLP `Span.SpanKind`; raw values are the wire's).
package enum SpanKind: Int32, Sendable, Hashable, CaseIterable {
    case `internal` = 1
    case server = 2
    case client = 3
    case producer = 4
    case consumer = 5
}

/// How it ended (OTLP `Status`).
package enum SpanStatus: Sendable, Hashable {
    case unset
    case ok
    /// With a message for a person, which may be empty.
    case error(String)

    /// The wire's code: 0 unset, 1 ok, 2 error.
    package var code: Int32 {
        switch self {
        case .unset: 0
        case .ok: 1
        case .error: 2
        }
    }
}

/// The flags of a span (OTLP `Span.flags`): the W3C trace flags in the lowest byte, whether the parent is remote above.
package struct SpanFlags: OptionSet, Sendable, Hashable {
    package let rawValue: UInt32
    package init(rawValue: UInt32) { self.rawValue = rawValue }

    /// W3C: somebody records this trace.
    package static let sampled = SpanFlags(rawValue: 0x01)
    /// It is known whether the parent (or the linked span) is in another process.
    package static let hasIsRemote = SpanFlags(rawValue: 0x100)
    /// It is.
    package static let isRemote = SpanFlags(rawValue: 0x200)
}

/// Something that happened in a span (OTLP `Span.Event`).
package struct SpanEvent: Sendable, Hashable {
    package var name: String
    package var nanoseconds: UInt64
    package var attributes: [Attribute]
    package var droppedAttributes: UInt32 = 0

    package init(name: String, nanoseconds: UInt64, attributes: [Attribute] = []) {
        self.name = name
        self.nanoseconds = nanoseconds
        self.attributes = attributes
    }
}

/// Another span that this one has to do with (OTLP `Span.Link`).
package struct SpanLink: Sendable, Hashable {
    package var traceID: TraceID
    package var spanID: SpanID
    package var traceState: String = ""
    package var flags = SpanFlags()
    package var attributes: [Attribute]
    package var droppedAttributes: UInt32 = 0

    package init(traceID: TraceID, spanID: SpanID, attributes: [Attribute] = []) {
        self.traceID = traceID
        self.spanID = spanID
        self.attributes = attributes
    }
}

/// What a span had and does not carry, because of a limit.
package struct DroppedCounts: Sendable, Hashable {
    package var attributes: UInt32 = 0
    package var events: UInt32 = 0
    package var links: UInt32 = 0

    package init() {}
}
