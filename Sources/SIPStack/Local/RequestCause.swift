package import Bytes
package import Profiling
package import SIPMessage

/// What a request of the server's own is made for: who asked, and what it says of its trace.
package struct RequestCause: Sendable {
    /// The session that asks for it.
    package var records = SessionLink.none
    /// Value of its `traceparent`; nil: it has none.
    package var traceParent: ByteString?
    /// Value of its `tracestate`; nil: it has none.
    package var traceState: ByteString?

    package init() {}
}

/// What a worker handles itself, without a script: for requests that are made meanwhile. Known while somebody wants to trace.
package struct WorkInHand {
    /// The session that a reply's request was handled by.
    package let records: SessionLink
    /// The request that came in, or that the reply answers; nil unless `traceparent` headers are noted.
    package let request: Message?
}

extension StackWorker {
    /// A request with the trace of what the process does now, and with that as what it is made for unless who makes it said so.
    func caused(_ local: LocalRequest) -> LocalRequest {
        guard let hook = stack.hooks.cause else { return local }
        var local = local
        let cause = hook(self)
        if local.records == .none { local.records = cause.records }
        local.traceParent = cause.traceParent
        local.traceState = cause.traceState
        return local
    }

    /// Handles a reply as the work of its transaction.
    func working(on transaction: Transaction, _ body: () -> Void) {
        guard transaction.records.session != .none else { return body() }
        let outer = work
        work = WorkInHand(
            records: transaction.records,
            request: configuration.notesTraceParents ? transaction.originalRequest : nil)
        body()
        work = outer
    }
}
