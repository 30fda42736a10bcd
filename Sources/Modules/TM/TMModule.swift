import Bytes
import RouteLanguage
package import RouteRuntime
import SIPMessage
import SIPStack
import SIPTransaction
import SIPTransport

/// `tm` at work. Stateful replies of other modules go through it too.
package struct TMModule: Sendable {
    let host: ScriptHost

    /// Binds the module and gives `environment.replies` its ways to answer.
    package static func bind(_ environment: ModuleEnvironment) -> ModuleBinding {
        let host = environment.host
        host.parameters = TMParameters(environment.parameters, flags: environment.flags)
        let module = TMModule(host: host)
        environment.replies.stateful = { reply, context, process in
            guard let transaction = context.tmTransaction, let worker = host.worker(process) else { return nil }
            return module.send(reply, transaction, worker)
        }
        environment.replies.statefulTag = { context, _ in
            guard let tag = context.tmTransaction?.localTag, !tag.isEmpty else { return nil }
            return tag
        }
        return ModuleBinding("tm", functions: module.functions, variables: module.variables)
    }

    private var functions: [String: HostFunction] {
        [
            "t_relay": { call in relay(call) },
            "t_reply": { call in reply(call, hasBody: false) },
            "t_reply_with_body": { call in reply(call, hasBody: true) },
            "t_newtran": { call in newTransaction(call) },
            "t_check_trans": { call in checkTransaction(call) },
            "t_check_status": { call in checkStatus(call) },
            "t_local_replied": { call in localReplied(call) },
            "t_was_cancelled": { call in Outcome(call.context.tmTransaction?.isCancelled ?? false) },
            "t_cancel_branch": { call in cancelBranch(call) },
            "t_new_request": { call in newRequest(call) },
            "t_on_failure": { call in onFailure(call) },
            "t_on_reply": { call in onReply(call) },
            "t_on_branch": { call in
                guard let route = call.route(0) else { return .no }
                call.context.makeTMState().update { $0.branchRoute = route }
                return .yes
            },
            "t_inject_branches": { call in inject(call) },
            "t_wait_for_new_branches": { call in
                let count = max(0, call.integer(0) ?? 0)
                call.context.makeTMState().update { $0.awaitedBranches = count }
                call.context.tmTransaction?.waitForBranches(count: count)
                return .yes
            },
            "t_wait_no_more_branches": { call in
                guard let transaction = call.context.tmTransaction, let worker = host.worker(call.process) else {
                    return .no
                }
                worker.stopWaitingForBranches(transaction)
                return .yes
            },
            "t_add_hdrs": { call in
                guard let transaction = call.context.tmTransaction, let headers = call.string(0) else { return .no }
                transaction.addHeaders(headers)
                return .yes
            },
            "t_add_cancel_reason": { call in
                guard let header = call.string(0) else { return .no }
                call.context.makeTMState().update { $0.cancelReason = header }
                return .yes
            },
            "t_replicate": { call in replicate(call) },
            "t_flush_flags": { call in
                guard let state = call.context.tmState, state.transaction != nil else { return .no }
                state.update { $0.messageFlags = call.context.messageFlags }
                return .yes
            },
            "t_reply_by_callid": { call in replyByCallID(call) },
            "t_get_branch_idx_by_attr": { call in branchByAttribute(call) },
        ]
    }

    // MARK: transactions

    /// The transaction of the request, made if there is none.
    func enter(_ call: borrowing Call, _ worker: StackWorker, saysTrying: Bool = true) -> TransactionEntry {
        host.enter(call.context, worker, saysTrying: saysTrying)
    }

    private func newTransaction(_ call: borrowing Call) -> Outcome {
        guard let worker = host.worker(call.process) else { return .no }
        switch call.context.message.method {
        case .ack, .cancel:
            call.log(.warning, "t_newtran: an \(call.context.message.methodText) makes no transaction")
            return .no
        default: break
        }
        switch enter(call, worker) {
        case .transaction: return .yes
        case .end(let outcome): return outcome
        }
    }

    private func checkTransaction(_ call: borrowing Call) -> Outcome {
        guard let worker = host.worker(call.process), let request = host.inbound(call.context) else { return .no }
        if call.context.tmTransaction != nil { return .yes }
        switch worker.match(request) {
        case .retransmission(let transaction):
            worker.absorb(transaction)
            return .done(0)
        case .acknowledgement(let transaction):
            guard worker.absorbAck(transaction) else { return .done(-2) }
            return .yes
        case .cancel:
            return .yes
        case .none:
            return .done(request.message.method == .ack ? -2 : -1)
        }
    }

    // MARK: relaying

    private func relay(_ call: borrowing Call) -> Outcome {
        guard let worker = host.worker(call.process) else { return .no }
        guard let flags = RelayFlags(call.value(0)) else {
            call.log(.error, "t_relay: \"\(call.string(0) ?? "")\" is no flag of it")
            return .no
        }
        var proxy: ResolveQuery?
        if let text = call.string(1), !text.isEmpty {
            guard let query = ResolveQuery(destination: text) else {
                call.log(.error, "t_relay: \"\(text)\" is no destination; it is [proto:]host[:port]")
                return .done(RelayCode.badDestination)
            }
            proxy = query
        }
        if call.kind == .request {
            switch call.context.message.method {
            case .ack: return relayAck(call, worker, proxy)
            case .cancel: return relayCancel(call, worker, flags, proxy)
            default: break
            }
        }
        return relayStateful(call, worker, flags, proxy, branches: call.context.relayBranches)
    }

    private func relayStateful(
        _ call: borrowing Call, _ worker: StackWorker, _ flags: RelayFlags, _ proxy: ResolveQuery?,
        branches: [ScriptBranch]
    ) -> Outcome {
        switch enter(call, worker, saysTrying: !flags.contains(.noTrying)) {
        case .end(let outcome):
            return outcome
        case .transaction(let transaction, let isNew):
            if flags.contains(.noFailover) { transaction.disableFailover() }
            if flags.contains(.allowNoCancel), call.context.message.asksForNoCancel {
                transaction.keepBranchesOnSuccess()
            }
            return RelayJob(
                host: host, worker: worker, run: call.run, state: call.context.makeTMState(),
                transaction: transaction, answersFailure: isNew && !flags.contains(.noAutoReply), proxy: proxy,
                branches: branches
            ).start()
        }
    }

    /// The ACK of a negative answer ends here; that of a 2xx goes on without state.
    private func relayAck(_ call: borrowing Call, _ worker: StackWorker, _ proxy: ResolveQuery?) -> Outcome {
        guard let request = host.inbound(call.context) else { return .done(RelayCode.badMessage) }
        if case .acknowledgement(let transaction) = worker.match(request), worker.absorbAck(transaction) {
            return .yes
        }
        return host.forward(call.run, worker, request, proxy)
    }

    /// A CANCEL is answered and turned into CANCELs of the branches; one that nobody knows goes on without state.
    private func relayCancel(
        _ call: borrowing Call, _ worker: StackWorker, _ flags: RelayFlags, _ proxy: ResolveQuery?
    ) -> Outcome {
        guard let request = host.inbound(call.context) else { return .done(RelayCode.badMessage) }
        guard case .cancel(let transaction) = worker.match(request) else {
            return host.forward(call.run, worker, request, proxy)
        }
        var reason = call.context.tmState?.values.cancelReason ?? .empty
        if reason.isEmpty, flags.contains(.passReason), let field = request.message.first(.reason) {
            reason = request.message.text(field.line)
        }
        worker.cancel(transaction, with: request, reason: reason)
        return .yes
    }

    // MARK: arming

    private func onFailure(_ call: borrowing Call) -> Outcome {
        guard let route = call.route(0) else { return .no }
        let state = call.context.makeTMState()
        state.update { $0.failureRoute = route }
        if let transaction = state.transaction {
            keepRequest(call, state)
            transaction.showsFailure = true
        }
        return .yes
    }

    /// A route armed after the request was relayed sees the request as it stands now.
    private func keepRequest(_ call: borrowing Call, _ state: TMState) {
        guard call.kind == .request, state.values.request == nil else { return }
        let copy = call.context.copyForBranch(Branches.own(call.context), index: 0)
        copy.transaction = state
        state.keep(copy)
    }

    private func onReply(_ call: borrowing Call) -> Outcome {
        guard let route = call.route(0) else { return .no }
        let state = call.context.makeTMState()
        if call.kind == .branch {
            call.context.branchNotes.replyRoute = route
        } else {
            state.update { $0.replyRoute = route }
            if let transaction = state.transaction {
                keepRequest(call, state)
                transaction.showsReplies = true
            }
        }
        return .yes
    }
}

extension MessageContext {
    /// The request URI's own branch, and those that the script added.
    var allBranches: [ScriptBranch] {
        var own = ScriptBranch(
            uri: requestURI, destinationURI: destinationURI, path: path, q: q, flags: branchFlags, socket: socketOut)
        own.attributes = branchAttributes
        return branches.isEmpty ? [own] : [own] + branches
    }
}
