/// A process as traces name it.
package struct TracedProcess: Sendable, Hashable {
    package var id: Int
    /// The kernel's task id.
    package var pid: Int
    package var description: String
    /// What `top -H` shows.
    package var threadName: String

    package init(id: Int, pid: Int, description: String, threadName: String) {
        (self.id, self.pid, self.description, self.threadName) = (id, pid, description, threadName)
    }
}

/// What the assembler is told once about how spans are to look.
package struct TraceDescription: Sendable {
    package var identity: TraceIdentity
    package var sampler = Sampler.default
    package var tail = TailRules()
    package var redaction: Redaction = []
    /// `trace_per_call`
    package var tracesCalls = false
    /// `propagate`: a request's `traceparent` names its trace.
    package var propagates = false
    /// Names of the script's functions that leave records: everything else in a script session is a route.
    package var functions: Set<String> = []
    package var process: @Sendable (Int) -> TracedProcess?

    package init(identity: TraceIdentity, process: @escaping @Sendable (Int) -> TracedProcess? = { _ in nil }) {
        self.identity = identity
        self.process = process
    }
}
