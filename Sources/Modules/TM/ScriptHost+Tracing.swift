package import Bytes
package import Profiling
import RouteRuntime
import SIPMessage
import SIPStack

/// How requests that leave say to which trace they belong (W3C Trace Context).
package struct TracePropagation: Sendable {
    /// The value of `traceparent` for what leaves on behalf of a session: the header and the Call-ID of the request that the
    /// session is about, if any. nil: nothing is added or changed.
    package typealias Value = @Sendable (SessionLink, _ header: ByteString?, _ callID: ByteString) -> ByteString?

    let value: Value

    package init(_ value: @escaping Value) {
        self.value = value
    }

    static let header: ByteString = "traceparent"
}

extension ScriptHost {
    /// Puts the header into a request that is about to leave, in the place of the one that it came with. One test while
    /// propagation is off.
    @inline(__always)
    func propagate(_ records: SessionLink, _ message: Message, _ edits: inout MessageEdits) {
        if let propagation, records.session.isAnnotated { addTraceParent(propagation, records, message, &edits) }
    }

    @inline(never)
    private func addTraceParent(
        _ propagation: TracePropagation, _ records: SessionLink, _ message: Message, _ edits: inout MessageEdits
    ) {
        let field = message.first(named: TracePropagation.header)
        guard let value = propagation.value(records, field.map { message.value(of: $0) }, message.callID) else {
            return
        }
        if let field {
            edits.replace(field.value, with: value)
        } else {
            var line = ByteWriter(reserving: 80)
            line.append("traceparent: ")
            line.append(value)
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
            request.first(named: TracePropagation.header).map { request.value(of: $0) }
        }
        // What nothing is recorded of hands on what it got.
        cause.traceParent = header
        if cause.records.session.isAnnotated,
            let value = propagation.value(cause.records, header, request?.callID ?? .empty)
        {
            cause.traceParent = value
        }
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
                if let header = request.first(named: TracePropagation.header) {
                    MessageNote.text(.traceParent, request.value(of: header), &fields)
                }
            }
            return fields.count
        }
    }
}
