import Bytes
import RouteLanguage
import RouteRuntime
import SIPMessage
import Synchronization

/// `acc` at work: writes a record when the transaction of a request is answered, and on the script's word.
final class AccModule: Sendable {
    private let extra: AccFields
    private let legs: AccFields
    private let reportsCancels: Bool
    private let detectsDirection: Bool
    private let level: ScriptLogLevel
    private let now: @Sendable () -> Int
    private let print: @Sendable (ScriptLogLevel, String) -> Void
    private let events: EventOutlet

    init(_ environment: ModuleEnvironment) throws(ModuleError) {
        let parameters = environment.parameters
        extra = try AccFields(parameters.texts("acc", "extra_fields"), parameter: "extra_fields")
        legs = try AccFields(parameters.texts("acc", "leg_fields"), parameter: "leg_fields")
        for word in extra.missing + legs.missing {
            environment.log(.warning, "acc: there is no backend \"\(word)\" yet; its fields are not written")
        }
        reportsCancels = parameters.isOn("acc", "report_cancels")
        detectsDirection = parameters.isOn("acc", "detect_direction")
        guard !parameters.isOn("acc", "early_media") else {
            throw ModuleError("acc", "early_media", nil, "provisional replies are not accounted; use 0")
        }
        level = ScriptLogLevel(rawValue: parameters.integer("acc", "log_level") ?? 2) ?? .notice
        now = environment.now
        print = environment.print
        events = environment.events
    }

    var binding: ModuleBinding {
        ModuleBinding(
            "acc",
            functions: [
                "do_accounting": { [self] call in doAccounting(call) },
                "drop_accounting": { [self] call in dropAccounting(call) },
                "acc_log_request": { [self] call in accountNow(call, .log) },
                "acc_evi_request": { [self] call in accountNow(call, .event) },
                "acc_new_leg": { [self] call in
                    let count = legs.tags.count
                    return Outcome(
                        state(call.context).values.withLock { values in
                            guard count > 0, values.legs.count < AccState.legsMax else { return false }
                            values.legs.append(Array(repeating: .null, count: count))
                            return true
                        })
                },
            ],
            variables: variables)
    }

    private func state(_ context: MessageContext) -> AccState {
        AccState.own(context) { AccState(extraCount: extra.tags.count, legCount: legs.tags.count) }
    }

    // MARK: What to account

    private func doAccounting(_ call: borrowing Call) -> Outcome {
        guard let backends = backends(call, 0), let flags = flags(call, 1) else { return .no }
        let context = call.context
        let message = context.message
        guard message.isRequest else { return .no }
        if message.method == .cancel, !reportsCancels { return .yes }
        let state = state(context)
        if message.method == .cancel {
            // A CANCEL is answered hop by hop: nothing later tells of it.
            let record = AccRecord(
                .request, of: message, code: "200", reason: "OK", toTag: nil, timestamp: now(),
                isUpstream: isUpstream(context))
            let values = state.values.withLock { $0 }
            for backend in backends { write(record, backend, values) }
            return .yes
        }
        let isNew = state.values.withLock { values in
            let wanted = flags.union(.answered)
            if backends.contains(.log) { values.log.formUnion(wanted) }
            if backends.contains(.event) { values.event.formUnion(wanted) }
            defer { values.isFollowing = true }
            return !values.isFollowing
        }
        if isNew { follow(context, state) }
        return .yes
    }

    private func dropAccounting(_ call: borrowing Call) -> Outcome {
        guard let state = AccState.existing(call.context) else { return .yes }
        let all: [AccFields.Backend] = [.log, .event]
        guard let backends = call.isPresent(0) ? backends(call, 0) : all, let flags = flags(call, 1) else { return .no }
        let dropped = call.isPresent(1) ? flags : [.answered, .missed, .failed]
        state.values.withLock { values in
            if backends.contains(.log) { values.log.subtract(dropped) }
            if backends.contains(.event) { values.event.subtract(dropped) }
        }
        return .yes
    }

    private func backends(_ call: borrowing Call, _ index: Int) -> [AccFields.Backend]? {
        var backends: [AccFields.Backend] = []
        for word in (call.string(index) ?? .empty).split(at: UInt8(ascii: "|")).map({ $0.trimmed() }) {
            if word.equalsIgnoringCase("log") {
                backends.append(.log)
            } else if word.equalsIgnoringCase("evi") {
                backends.append(.event)
            } else if word.equalsIgnoringCase("db") || word.equalsIgnoringCase("aaa") {
                // The checker has warned of it: the other backends are accounted to all the same.
                continue
            } else {
                call.log(.error, "\(call.name): SIPRay has no accounting to \"\(word)\"; use log or evi")
                return nil
            }
        }
        return backends
    }

    private func flags(_ call: borrowing Call, _ index: Int) -> AccState.Flags? {
        var flags: AccState.Flags = []
        guard let text = call.string(index), !text.isEmpty else { return flags }
        for word in text.split(at: UInt8(ascii: "|")).map({ $0.trimmed() }) {
            if word.equalsIgnoringCase("missed") {
                flags.insert(.missed)
            } else if word.equalsIgnoringCase("failed") {
                flags.insert(.failed)
            } else if word.equalsIgnoringCase("cdr") {
                continue
            } else {
                call.log(.error, "\(call.name): SIPRay has no accounting flag \"\(word)\"; use missed or failed")
                return nil
            }
        }
        return flags
    }

    // MARK: Writing records

    /// Waits for the transaction of the request to be answered; there may be none yet.
    private func follow(_ context: MessageContext, _ state: AccState) {
        let request = context.message
        let isUpstream = isUpstream(context)
        context.followTransaction { [self] answer in
            answered(request, answer, state, isUpstream: isUpstream)
        }
    }

    private func answered(_ request: Message, _ answer: TransactionAnswer, _ state: AccState, isUpstream: Bool) {
        let isFailure = answer.status >= 300
        let values = state.values.withLock { values in
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
        func record(_ kind: AccRecord.Kind) -> AccRecord {
            AccRecord(
                kind, of: request, code: ByteString(decimal: answer.status), reason: answer.reason, toTag: answer.toTag,
                timestamp: now(), isUpstream: isUpstream)
        }
        for (backend, flags) in [(AccFields.Backend.log, values.log), (.event, values.event)] {
            if flags.contains(.answered), answer.isFinal, !isFailure || flags.contains(.failed) {
                write(record(.answered), backend, values)
            }
            if flags.contains(.missed), isFailure, request.method == .invite {
                write(record(.missed), backend, values)
            }
        }
    }

    private func accountNow(_ call: borrowing Call, _ backend: AccFields.Backend) -> Outcome {
        let context = call.context
        guard context.message.isRequest, let comment = call.string(0) else { return .no }
        let space = comment.first(of: ASCII.space) ?? comment.count
        let isCode = comment.prefix(space).decimal().map { (100...699).contains($0) } ?? false
        let record = AccRecord(
            .request, of: context.message, code: isCode ? comment.prefix(space) : .empty,
            reason: isCode ? comment.dropFirst(space + 1) : comment, toTag: nil, timestamp: now(),
            isUpstream: isUpstream(context))
        write(record, backend, state(context).values.withLock { $0 })
        return .yes
    }

    private func write(_ record: AccRecord, _ backend: AccFields.Backend, _ values: AccState.Values) {
        var record = record
        record.extra = extra.fields(of: backend).map { ($0.name, values.extra[$0.tag].text ?? .empty) }
        let legFields = legs.fields(of: backend)
        if !legFields.isEmpty {
            record.legs = values.legs.map { leg in legFields.map { ($0.name, leg[$0.tag].text ?? .empty) } }
        }
        switch backend {
        case .log:
            print(level, record.line.string)
        case .missing: break
        case .event:
            let isPositive = (record.code.decimal() ?? 999) < 300
            let name: StaticString = isPositive ? "E_ACC_EVENT" : "E_ACC_MISSED_EVENT"
            guard events.isWanted(name) else { return }
            for event in record.events { events.raise(name, event) }
        }
    }

    /// The request comes from the called side, as the `ftag` of our own Route value tells.
    private func isUpstream(_ context: MessageContext) -> Bool {
        guard detectsDirection, let own = context.state(RouteState.self)?.ownParameters,
            let tag = Parameters(own).value("ftag")
        else { return false }
        return tag != context.message.fromTag
    }

    // MARK: Variables

    private var variables: [VariableDefinition] {
        let (extra, legs) = (extra, legs)
        return [
            VariableDefinition(
                VariableDeclaration("acc_extra", inner: .required, isWritable: true), prepare: { extra.tag($0) },
                read: { access in
                    AccState.existing(access.context)?.values.withLock { $0.extra[access.token] } ?? .null
                },
                write: { [self] access, value, _ in
                    let token = access.token
                    state(access.context).values.withLock { $0.extra[token] = value.compacted }
                    return true
                }),
            VariableDefinition(
                VariableDeclaration("acc_leg", inner: .required, isWritable: true, isIndexable: true),
                prepare: { legs.tag($0) },
                read: { access in
                    guard let state = AccState.existing(access.context) else { return .null }
                    let (token, index) = (access.token, access.index)
                    return state.values.withLock { values in
                        Self.legIndex(index, values.legs.count).map { values.legs[$0][token] } ?? .null
                    }
                },
                write: { [self] access, value, _ in
                    let (token, index) = (access.token, access.index)
                    return state(access.context).values.withLock { values in
                        guard let leg = Self.legIndex(index, values.legs.count) else { return false }
                        values.legs[leg][token] = value.compacted
                        return true
                    }
                }),
            VariableDefinition(VariableDeclaration("acc_current_leg")) { access in
                .integer(AccState.existing(access.context)?.values.withLock { $0.legs.count - 1 } ?? 0)
            },
        ]
    }

    /// Without an index, the current leg; negative ones count from it.
    private static func legIndex(_ index: VariableIndex, _ count: Int) -> Int? {
        guard case .at(let number) = index else { return count - 1 }
        let position = number < 0 ? count + number : number
        return (0..<count).contains(position) ? position : nil
    }
}

extension Value {
    /// The same value in storage of its own, so that it does not keep a message alive.
    var compacted: Value {
        switch self {
        case .string(let text): .string(text.compacted())
        case .both(let text, let number): .both(text.compacted(), number)
        default: self
        }
    }
}
