import Bytes
import RouteRuntime
import SIPMessage
import Synchronization

/// Records as they come to be.
extension AccModule {
    /// Waits for the transaction of the request to be answered; there may be none yet.
    func follow(_ context: MessageContext, _ state: AccState) {
        let request = context.message
        let isUpstream = isUpstream(context)
        context.followTransaction { [self] answer in
            answered(request, answer, state, isUpstream: isUpstream)
        }
    }

    private func answered(_ request: Message, _ answer: TransactionAnswer, _ state: AccState, isUpstream: Bool) {
        let isFailure = answer.status >= 300
        let flags = state.values.withLock { values in
            var copy = values
            if isFailure {
                // Who was missed is told when the branches have failed, once; the failure route may ask for it again.
                if answer.isFinal, values.hasFailed {
                    copy.log.remove(.missed)
                    copy.event.remove(.missed)
                }
                values.hasFailed = true
                values.log.remove(.missed)
                values.event.remove(.missed)
            }
            return copy
        }
        let call = state.call
        let values = call.values.withLock { $0 }
        let atEnd = isFailure || !answer.isFinal ? [] : begin(call, answer, values)
        func record(_ kind: AccRecord.Kind) -> AccRecord {
            AccRecord(
                kind, of: request, code: ByteString(decimal: answer.status), reason: answer.reason, toTag: answer.toTag,
                timestamp: now(), isUpstream: isUpstream)
        }
        for (backend, flags) in [(AccFields.Backend.log, flags.log), (.event, flags.event)] {
            if flags.contains(.answered), answer.isFinal, !isFailure || flags.contains(.failed),
                !atEnd.contains(backend.option)
            {
                write(timed(record(.answered), call), backend, values)
            }
            if flags.contains(.missed), isFailure, request.method == .invite {
                write(timed(record(.missed), call), backend, values)
            }
        }
    }

    /// An INVITE has its 2xx: notes it for the CDR. Answers the backends that get their record at the call's end only; those of a
    /// 2xx that made no call, since the script sent it, get one now.
    private func begin(_ call: AccCall, _ answer: TransactionAnswer, _ values: AccCall.Values) -> AccBackends {
        guard !values.cdr.isEmpty, let dialog = values.dialog, dialog.read({ $0.confirmedAt }) != 0 else { return [] }
        let reason: ByteString = answer.reason == "OK" ? "OK" : answer.reason.compacted()
        let milliseconds = DialogModule.milliseconds()
        call.answered(.init(code: answer.status, reason: reason, time: now(), milliseconds: milliseconds), dialog)
        return values.cdr
    }

    /// What failed tells since when it was tried.
    private func timed(_ record: AccRecord, _ call: AccCall) -> AccRecord {
        guard (record.code.decimal() ?? 999) >= 300 else { return record }
        var record = record
        record.attempt = .init(
            created: call.createdAt, setupSeconds: call.setupSeconds(until: DialogModule.milliseconds()))
        return record
    }

    /// The CDR of a call that is over.
    func write(_ values: AccCall.Values, of call: AccCall, _ dialog: Dialog) {
        guard let answer = values.answer, !values.cdr.isEmpty else { return }
        let end = values.endedMilliseconds ?? answer.milliseconds
        let duration = AccRecord.Duration(
            created: call.createdAt, milliseconds: max(0, end - answer.milliseconds),
            setupSeconds: call.setupSeconds(until: answer.milliseconds))
        let record = AccRecord(dialog, code: answer.code, reason: answer.reason, timestamp: answer.time, duration)
        for backend in [AccFields.Backend.log, .event] where values.cdr.contains(backend.option) {
            write(record, backend, values)
        }
    }

    func accountNow(_ call: borrowing Call, _ backend: AccFields.Backend) -> Outcome {
        let context = call.context
        guard context.message.isRequest, let comment = call.string(0) else { return .no }
        let space = comment.first(of: ASCII.space) ?? comment.count
        let isCode = comment.prefix(space).decimal().map { (100...699).contains($0) } ?? false
        let record = AccRecord(
            .request, of: context.message, code: isCode ? comment.prefix(space) : .empty,
            reason: isCode ? comment.dropFirst(space + 1) : comment, toTag: nil, timestamp: now(),
            isUpstream: isUpstream(context))
        let accounted = self.call(context)
        write(timed(record, accounted), backend, accounted.values.withLock { $0 })
        return .yes
    }

    func write(_ record: AccRecord, _ backend: AccFields.Backend, _ values: AccCall.Values) {
        if backend == .event, !events.isWanted(record.event) { return }
        var record = record
        record.extra = extra.fields(of: backend).map { ($0.name, values.extra[$0.tag].text ?? .empty) }
        let legFields = legs.fields(of: backend)
        if !legFields.isEmpty {
            record.legs = values.legs.map { leg in legFields.map { ($0.name, leg[$0.tag].text ?? .empty) } }
        }
        switch backend {
        case .log: print(level, record.line.string)
        case .missing: break
        case .event: for event in record.events { events.raise(record.event, event) }
        }
    }
}

extension AccFields.Backend {
    var option: AccBackends {
        switch self {
        case .log: .log
        case .event: .event
        case .missing: []
        }
    }
}
