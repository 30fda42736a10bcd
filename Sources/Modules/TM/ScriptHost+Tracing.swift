package import Bytes
package import Profiling
import RouteRuntime
import SIPMessage
import SIPStack

/// How requests that leave say to which trace they belong (W3C Trace Context).
package struct TracePropagation: Sendable {
    /// What a request says.
    package struct Saying: Sendable {
        /// The value of `traceparent`.
        let parent: ByteString
        /// It is in the trace of the header that came in, so that `tracestate` goes on with it (§3.3).
        let isContinued: Bool

        package init(parent: ByteString, isContinued: Bool) {
            self.parent = parent
            self.isContinued = isContinued
        }
    }

    /// For what leaves on behalf of a session: the `traceparent` and the Call-ID of the request that the session is about,
    /// if any. nil: nothing is added or changed.
    package typealias Value = @Sendable (SessionLink, _ header: ByteString?, _ callID: ByteString) -> Saying?

    let value: Value

    package init(_ value: @escaping Value) {
        self.value = value
    }
}

extension ScriptHost {
    /// Puts the header into a request that is about to leave, in the place of the one that it came with. In a new trace
    /// the state of the old means nothing and is taken out. One test while propagation is off.
    @inline(__always)
    func propagate(_ records: SessionLink, _ message: Message, _ edits: inout MessageEdits) {
        if let propagation, records.session.isAnnotated { addTraceParent(propagation, records, message, &edits) }
    }

    @inline(never)
    private func addTraceParent(
        _ propagation: TracePropagation, _ records: SessionLink, _ message: Message, _ edits: inout MessageEdits
    ) {
        let field = message.first(named: TraceContext.parent)
        guard let said = propagation.value(records, field.map { message.value(of: $0) }, message.callID) else {
            return
        }
        edits.admitServer()
        if !said.isContinued { for state in message.all(named: TraceContext.state) { edits.remove(state) } }
        if let field {
            edits.replace(field.value, with: said.parent)
        } else {
            var line = ByteWriter(reserving: 80)
            line.append("traceparent: ")
            line.append(said.parent)
            line.append("\r\n")
            edits.append(line: line.finishText(), to: message)
        }
    }

    /// What the process does now: the script that runs, else what the stack handles, else the session of the process itself.
    func cause(_ worker: StackWorker) -> RequestCause {
        var cause = RequestCause()
        var request: Message?
        var isOfProcess = false
        if let script = script(worker), script.records.session != .none {
            cause.records = script.records
            request = script.tracedRequest
        } else {
            let work = worker.work
            request = work?.request
            cause.records = work?.records ?? .none
            let session = worker.probe.openSession
            if namesProcesses, session != .none {
                let origin = cause.records.origin
                cause.records = SessionLink(session: session, origin: origin.isAnnotated ? origin : session)
                isOfProcess = true
            }
        }
        if isOfProcess { noteCause(worker, cause.records, continuing: worker.work) }
        guard let propagation else { return cause }
        let header = request.flatMap { request in
            request.first(named: TraceContext.parent).map { request.value(of: $0) }
        }
        // What nothing is recorded of hands on what it got.
        cause.traceParent = header
        var isContinued = header != nil
        if cause.records.session.isAnnotated,
            let said = propagation.value(cause.records, header, request?.callID ?? .empty)
        {
            (cause.traceParent, isContinued) = (said.parent, said.isContinued)
        }
        if isContinued, let request { cause.traceState = TraceContext.state(of: request) }
        return cause
    }

    /// The session of the process is named as what a request is made by: it is then in the trace that the request is told of.
    private func noteCause(_ worker: StackWorker, _ records: SessionLink, continuing work: WorkInHand?) {
        worker.probe.annotate(MessageNote.causeKey) { memory in
            var fields = FieldWriter(memory)
            fields.put(MessageNote.Field.origin.rawValue, value: records.origin.rawValue)
            if let work, work.records.session.isAnnotated {
                fields.put(MessageNote.Field.link.rawValue, value: work.records.session.rawValue)
            }
            if let request = work?.request {
                MessageNote.text(.callID, request.callID, &fields)
                MessageNote.putTrace(of: request, into: &fields)
            }
            return fields.count
        }
    }
}
