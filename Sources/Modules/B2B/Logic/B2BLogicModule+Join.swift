import Bytes
import Profiling
import RouteLanguage
import RouteRuntime
import SIPMessage
import SIPStack
import SIPTransport

/// `b2b_bridge_request()`: a new caller joins a session. `b2b_trigger_scenario()`: the server calls two parties.
extension B2BLogicModule {
    func bridgeRequest(_ call: borrowing Call) -> Outcome {
        let message = call.context.message
        guard let worker = worker(call), let name = call.string(0), let number = call.integer(1) else { return .no }
        guard message.isRequest, message.method == .invite, message.toTag == nil else {
            call.log(.error, "b2b_bridge_request: only for an INVITE outside of a dialog")
            return .no
        }
        guard let session = logic.session(named: name), number == 0 || number == 1 else {
            call.log(.notice, "b2b_bridge_request: there is no session \"\(name)\"")
            return .no
        }
        let transaction: Transaction
        switch tm.enter(call, worker) {
        case .transaction(let entered, _): transaction = entered
        case .end(let outcome): return outcome
        }
        guard transaction.isFree(for: call) else { return .no }
        let plan = JoinPlan(
            message: message, transaction: transaction, number: number,
            contact: contact(call.string(2), call, worker.listener(of: transaction)),
            endsOldLate: flags(call, 3).contains { $0.name == "late_bye" })
        call.context.updateState(B2BTurnState()) { $0.session = session }
        let isTaken = session.turns.take(worker) { worker, turn in
            session.join(plan, worker)
            session.settle(turn)
        }
        if !isTaken { worker.reply(transaction, status: 503, reason: "Session Busy") }
        return .yes
    }

    func triggerScenario(_ call: borrowing Call) -> Outcome {
        guard let scenario = call.string(0), let one = peer(call, 2, 3, 4), let other = peer(call, 5, 6, 7) else {
            call.log(.error, "b2b_trigger_scenario: a peer is id,uri[,proxy[,name]]")
            return .no
        }
        let parameters = call.string(1)?.split(at: ASCII.comma).map { $0.trimmed() } ?? []
        let socket = logic.host.socket(call.context.socketOut ?? call.context.socketIn)
        var plan = TriggerPlan(
            scenario: scenario, first: one, second: other, contact: contact(nil, call, socket), socket: socket)
        plan.beganBy = call.context.records
        plan.requestRoute = logic.requestRoute.flatMap { call.process.engine.route(.request, $0.string) }
        plan.replyRoute = logic.replyRoute.flatMap { call.process.engine.route(.request, $0.string) }
        guard let worker = worker(call) else { return .no }
        let message = call.context.message
        if parameters.first == "n", parameters.count > 1 {
            let party = parameters.count > 2 ? parameters[2].decimal() ?? 0 : 0
            plan.informed = logic.session(named: parameters[1]).map { .party($0, party) }
        } else if parameters.first == "n", message.isRequest, message.method == .refer, message.toTag == nil {
            let transaction: Transaction
            switch tm.enter(call, worker) {
            case .transaction(let entered, _): transaction = entered
            case .end(let outcome): return outcome
            }
            plan.informed = ReferSender(
                message, tag: transaction.localTag, contact: plan.contact, socket: worker.listener(of: transaction)
            ).map { .sender($0) }
        }
        guard let session = logic.trigger(plan, worker) else { return .no }
        call.context.updateState(B2BTurnState()) { $0.session = session }
        return .yes
    }

    private func peer(_ call: borrowing Call, _ index: Int, _ names: Int, _ bodies: Int) -> ClientDraft? {
        guard let text = call.string(index), var draft = ClientDraft(peer: text, hasProxy: true) else { return nil }
        draft.extraLines = extraLines(call, names, bodies)
        return draft
    }
}

/// A caller who wants to join a session. Written before the turn, read in it.
struct JoinPlan: @unchecked Sendable {
    // @unchecked: the transaction takes care of itself.
    let message: Message
    let transaction: Transaction
    let number: Int
    let contact: LocalContact
    let endsOldLate: Bool
}

/// Two parties that the server is to connect.
struct TriggerPlan: @unchecked Sendable {
    // @unchecked: the session takes care of itself.
    var scenario: ByteString
    var first: ClientDraft
    var second: ClientDraft
    var contact: LocalContact
    var socket: ListenSocket?
    /// The session of records that asks for it.
    var beganBy = SessionLink.none
    var requestRoute: RouteHandle?
    var replyRoute: RouteHandle?
    var values: [(name: ByteString, value: Value)] = []
    /// Who is told how it goes (RFC 3515).
    var informed: ReferListener?
}

extension ClientDraft {
    /// `id,uri[,proxy[,name]]`, or `id,uri[,name]` without a proxy.
    init?(peer text: ByteString, hasProxy: Bool) {
        let parts = text.split(at: ASCII.comma).map { $0.trimmed() }
        guard (2...(hasProxy ? 4 : 3)).contains(parts.count), !parts[0].isEmpty, SIPURI(parts[1]) != nil else {
            return nil
        }
        self.init(id: parts[0], target: parts[1])
        let rest = Array(parts.dropFirst(2))
        if hasProxy {
            proxy = rest.first.flatMap { $0.isEmpty ? nil : $0 }
            displayName = rest.count > 1 && !rest[1].isEmpty ? rest[1] : nil
        } else {
            displayName = rest.first.flatMap { $0.isEmpty ? nil : $0 }
        }
    }
}

extension B2BSession {
    func join(_ plan: JoinPlan, _ worker: StackWorker) {
        guard phase != .ended, bridge == nil, entities.indices.contains(plan.number),
            mayJoin(entities[plan.number], hasOffer: !plan.message.bodyRange.isEmpty)
        else {
            worker.reply(plan.transaction, status: 481, reason: "Call/Transaction Does Not Exist")
            return
        }
        let old = entities[plan.number]
        guard
            let caller = logic.entities.makeServer(
                plan.message, contact: plan.contact, socket: worker.listener(of: plan.transaction), id: "joined",
                owner: self)
        else {
            worker.reply(plan.transaction, status: 400, reason: "Bad Request")
            return
        }
        // Cancelled while the session was busy, or taken by somebody else: the call goes on as it is.
        guard logic.entities.adopt(plan.transaction, by: caller, worker) else { return caller.delete(worker) }
        caller.invite = plan.transaction
        var options = BridgeOptions()
        options.endsOldLate = plan.endsOldLate
        start(B2BBridge(old: old, new: caller, options: options), worker)
    }
}

extension B2BLogic {
    /// Begins a session whose first two parties the server calls itself. nil when there are too many.
    func trigger(_ plan: TriggerPlan, _ worker: StackWorker) -> B2BSession? {
        guard
            let session = makeSession(
                scenario: plan.scenario, requestRoute: plan.requestRoute, replyRoute: plan.replyRoute, avps: AVPStore(),
                beganBy: plan.beganBy)
        else { return nil }
        for one in plan.values { _ = session.set(one.name, one.value) }
        let isBegun = session.turns.takeNow(worker) {
            defer { session.settle(worker) }
            return session.begin(plan, worker)
        }
        guard isBegun ?? false else {
            remove(session)
            return nil
        }
        session.limitSetup(seconds: settings.setupTimeoutSeconds, worker)
        return session
    }
}

extension B2BSession {
    fileprivate func begin(_ plan: TriggerPlan, _ worker: StackWorker) -> Bool {
        func address(_ draft: ClientDraft, as name: ByteString?) -> ByteString {
            let address = draft.target.withoutHeaders.bracketed
            return name.map { address.named($0) } ?? address
        }
        guard phase != .ended else { return false }
        // Each sees the other as who calls.
        guard
            let first = makeClient(
                plan.first, from: address(plan.second, as: plan.first.displayName), contact: plan.contact,
                like: plan.socket, worker)
        else { return false }
        guard
            let second = makeClient(
                plan.second, from: address(plan.first, as: plan.second.displayName), contact: plan.contact,
                like: plan.socket, worker)
        else {
            first.delete(worker)
            return false
        }
        let bridge = B2BBridge(old: first, new: second, options: BridgeOptions())
        bridge.informed = plan.informed
        limitLife(seconds: settings.durationMaxSeconds)
        start(bridge, worker)
        return true
    }
}
