import Bytes
import Profiling
import RouteLanguage
import RouteRuntime
import SIPMessage
import SIPStack

/// `ua_session_*` of `b2b_entities` for scripts.
struct UASessionModule: Sendable {
    let sessions: UASessions
    let tm: TMModule

    var functions: [String: HostFunction] {
        [
            "ua_session_server_init": { call in initialize(call) },
            "ua_session_update": { call in update(call) },
            "ua_session_reply": { call in reply(call) },
            "ua_session_terminate": { call in terminate(call) },
        ]
    }

    private func worker(_ call: borrowing Call) -> StackWorker? { sessions.entities.host.worker(call.process) }

    private func initialize(_ call: borrowing Call) -> Outcome {
        let message = call.context.message
        guard let worker = worker(call) else { return .no }
        guard message.isRequest, message.method == .invite, message.toTag == nil else {
            call.log(.error, "ua_session_server_init: only for an INVITE outside of a dialog")
            return .no
        }
        guard let flags = UASessionFlags(call.string(1) ?? .empty) else {
            call.log(.error, "ua_session_server_init: \"\(call.string(1) ?? .empty)\" are no flags of it")
            return .no
        }
        let transaction: Transaction
        switch tm.enter(call, worker) {
        case .transaction(let entered, _): transaction = entered
        case .end(let outcome): return outcome
        }
        guard transaction.isFree(for: call) else { return .no }
        let extra = call.string(2).flatMap { $0.isEmpty ? nil : $0.compacted() }
        guard
            let made = sessions.serve(
                message, transaction, flags: flags, extra: extra, beganBy: call.context.records, worker)
        else { return .no }
        call.assign(0, .string(made.key))
        return .yes
    }

    private func update(_ call: borrowing Call) -> Outcome {
        guard let method = call.string(1), method.isToken else {
            call.log(.error, "ua_session_update: the second argument is no name of a method")
            return .no
        }
        let content = content(call, body: 2, lines: 3, type: 4)
        return act(call) { session, entity, worker throws(UAOrderError) in
            try session.send(method, content, entity, worker)
        }
    }

    private func reply(_ call: borrowing Call) -> Outcome {
        guard let method = call.string(1), let code = call.integer(2), (100...699).contains(code) else {
            call.log(.error, "ua_session_reply: a method and a code from 100 to 699")
            return .no
        }
        let reason = (call.string(3) ?? .empty).withoutLineBreaks
        let content = content(call, body: 4, lines: 5, type: 6)
        return act(call) { session, entity, worker throws(UAOrderError) in
            try session.reply(method, code, reason, content, entity, worker)
        }
    }

    private func terminate(_ call: borrowing Call) -> Outcome {
        let lines = call.string(1)?.asHeaderLines ?? .empty
        return act(call) { session, entity, worker throws(UAOrderError) in session.terminate(lines, entity, worker) }
    }

    private func content(_ call: borrowing Call, body: Int, lines: Int, type: Int) -> UAContent {
        UAContent(
            body: call.string(body) ?? .empty, lines: call.string(lines)?.asHeaderLines ?? .empty,
            contentType: (call.string(type) ?? .empty).withoutLineBreaks)
    }

    /// Does it on the session's turn: at once, or when the process that has the turn lets go; the script waits for that. Not the
    /// script that took the call: when its INVITE is answered elsewhere meanwhile, nobody waits for its route.
    private func act(
        _ call: borrowing Call,
        _ body: @escaping @Sendable (UASession, B2BEntity, StackWorker) throws(UAOrderError) -> Void
    ) -> Outcome {
        guard let worker = worker(call), let key = call.string(0) else { return .no }
        let result = OrderResult()
        sessions.act(key, records: call.context.records, worker, body) { result.finish($0) }
        if let done = result.done { return Self.outcome(done, key, call) }
        if (call.context.tmTransaction?.owner as? B2BEntity)?.key == key { return .yes }
        guard let done = result.wait(call.wait()) else { return .suspended }
        return Self.outcome(done, key, call)
    }

    fileprivate static func outcome(_ done: OrderResult.Done, _ key: ByteString, _ call: borrowing Call) -> Outcome {
        guard let failure = done.failure else { return .yes }
        call.log(.notice, "\(call.name): \(failure.words) (\(key))")
        return .no
    }
}

/// What became of an order, for the script that gave it.
private final class OrderResult: @unchecked Sendable {
    // @unchecked: what changes is guarded by `lock`.

    struct Done: Sendable {
        let failure: UAOrderError?
    }

    private let lock = StackLock()
    private var stored: Done?
    private var waiting: Resumption?

    /// nil: it is not carried out yet.
    var done: Done? { lock.withLock { stored } }

    /// Has a script go on when it is carried out. Not nil: it is, meanwhile.
    func wait(_ resumption: Resumption) -> Done? {
        lock.withLock {
            if stored == nil { waiting = resumption }
            return stored
        }
    }

    /// Carried out, on any process.
    func finish(_ failure: UAOrderError?) {
        let done = Done(failure: failure)
        let resumption = lock.withLock {
            stored = done
            defer { waiting = nil }
            return waiting
        }
        resumption?.submit { call in UASessionModule.outcome(done, call.string(0) ?? .empty, call) }
    }
}

extension UAOrderError {
    /// For people.
    package var words: String {
        switch self {
        case .noSession: "No such session"
        case .nothingToAnswer: "No request of that method waits for an answer"
        case .notNow: "The dialog is not where that can be sent"
        case .busy: "Too much waits for the session"
        }
    }
}
