package import Profiling

/// One record as analysis sees it, whoever sent it: a server's event, SIPRay's or the peer's, or the profiler itself.
package struct TraceRecord: Hashable, Sendable {
    /// Nanoseconds since 1970; events bring microseconds.
    package var nanoseconds: Int64
    /// SIPRay: unique. The peer: the pid, or a number per process; used again and again.
    package var session: UInt64
    package var verb: Verb
    package var producer: Producer
    package var name: String
    package var file: String?
    package var line: Int?
    package var type: Int
    /// As reported; not relied upon.
    package var depth: Int
    package var status: Int?
    package var parent: UInt64?
    package var link: UInt64?
    package var isTruncated: Bool

    package init(
        nanoseconds: Int64, session: UInt64, verb: Verb, producer: Producer, name: String, file: String? = nil,
        line: Int? = nil, type: Int = 0, depth: Int = 0, status: Int? = nil, parent: UInt64? = nil,
        link: UInt64? = nil, isTruncated: Bool = false
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
        self.isTruncated = isTruncated
    }

    package init(_ record: ProfilingRecord) {
        self.init(
            nanoseconds: record.nanoseconds, session: record.session, verb: record.verb, producer: record.producer,
            name: record.name, file: record.file, line: record.line, type: record.type, depth: record.depth,
            status: record.status.map(Int.init), parent: record.parent, link: record.link,
            isTruncated: record.isTruncated)
    }
}
