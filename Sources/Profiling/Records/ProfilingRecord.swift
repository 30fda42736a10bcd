/// One thing that happened, as consumers get it: decoded, with session, depth and wall time.
public struct ProfilingRecord: Sendable, Hashable {
    /// When, in nanoseconds since 1970. All records of a session use one relation of ticks to wall time, so that a
    /// step of the system clock does not bend it.
    public var nanoseconds: Int64
    /// The session it belongs to.
    public var session: UInt64
    /// What happened.
    public var verb: Verb
    /// Process or script.
    public var producer: Producer
    /// What was done.
    public var name: String
    /// Script file or function in code; `start` and `end` have none.
    public var file: String?
    /// Line in `file`.
    public var line: Int?
    /// Kind of process (1 UDP, 2 TCP, 3 timer, 4 other) or kind of route (1 request, 2 failure, 4 onreply, …).
    public var type: Int
    /// 1 at `start` and `end`; `enter` adds one and reports the new depth, `exit` takes one off and reports the new.
    public var depth: Int
    /// What the job or session returned; `exit` and `end` only, and none where the session was cut.
    public var status: Int32?
    /// The session around this one; `start` only.
    public var parent: UInt64?
    /// The session that this one continues, or that caused it; `start` only.
    public var link: UInt64?
    /// `link` is the cause of this session: work of its own, not the same work going on.
    public var isLinkCause: Bool
    /// `link` was recorded for somebody who wants annotations: who does has that session too (``SessionToken/isAnnotated``).
    public var isLinkAnnotated: Bool
    /// What the session is about, in bytes that the producer and who shows them agree on: from where it is known, and
    /// only while somebody wants `Interest.subjects`.
    public var subject: [UInt8]?
    /// The process's id.
    public var process: Int
    /// On `end`: something of the session is missing, because a ring was overrun, a queue was full or the process was
    /// stopped. Jobs still open end here too.
    public var isTruncated: Bool
    /// Bytes noted inside what ends here; `exit` and `end` only.
    public var annotations: [Annotation]

    /// A record, for tests and for readers of other formats.
    public init(
        nanoseconds: Int64, session: UInt64, verb: Verb, producer: Producer, name: String, file: String? = nil,
        line: Int? = nil, type: Int, depth: Int, status: Int32? = nil, parent: UInt64? = nil, link: UInt64? = nil,
        isLinkCause: Bool = false, isLinkAnnotated: Bool = true, subject: [UInt8]? = nil, process: Int = 0,
        isTruncated: Bool = false,
        annotations: [Annotation] = []
    ) {
        self.nanoseconds = nanoseconds
        self.session = session
        self.verb = verb
        self.producer = producer
        self.name = name
        self.file = file
        self.line = line
        self.type = type
        self.depth = depth
        self.status = status
        self.parent = parent
        self.link = link
        self.isLinkCause = isLinkCause
        self.isLinkAnnotated = isLinkAnnotated
        self.subject = subject
        self.process = process
        self.isTruncated = isTruncated
        self.annotations = annotations
    }

    /// Whole seconds since 1970: `sec` on the wire.
    public var seconds: Int64 { nanoseconds / 1_000_000_000 }
    /// Microseconds within the second: `usec` on the wire.
    public var microseconds: Int64 { nanoseconds % 1_000_000_000 / 1000 }
}

/// Bytes that a producer noted about what it was doing, for consumers that asked for them.
public struct Annotation: Sendable, Hashable {
    /// What the bytes are: a number that producer and consumer agree on.
    public var key: UInt16
    /// The bytes; cut at `Probe.annotationBytesMax`.
    public var bytes: [UInt8]
    /// When it was noted, in nanoseconds since 1970.
    public var nanoseconds: Int64

    /// An annotation.
    public init(key: UInt16, bytes: [UInt8], nanoseconds: Int64 = 0) {
        self.key = key
        self.bytes = bytes
        self.nanoseconds = nanoseconds
    }
}
