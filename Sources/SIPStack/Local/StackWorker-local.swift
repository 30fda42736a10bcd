package import Bytes
package import Profiling
import Reactor
import SIPMessage
import SIPTransaction
package import SIPTransport

/// A request that is made here (`t_new_request`, `tm:uac_dlg`).
package struct LocalRequest {
    package var method: ByteString
    package var requestURI: ByteString
    /// Value of From; a tag is added when there is none.
    package var from: ByteString
    package var to: ByteString
    /// Where to send it; nil: the request URI.
    package var nextHop: ByteString?
    package var socket: ListenSocket?
    /// Further headers, each with its line end.
    package var headers: ByteString = .empty
    package var body: ByteString = .empty
    package var contentType: ByteString = .empty
    /// nil: one is made.
    package var callID: ByteString?
    package var cseq: UInt32 = 10
    /// How long its final response is waited for; nil: `fr_timeout`.
    package var finalResponseMilliseconds: UInt32?
    /// What the transaction user keeps with the transaction.
    package var user: (any TransactionUser)?
    /// The session that asks for the request; `none`: what the process does when it is sent (`StackHooks.cause`).
    package var records = SessionLink.none
    /// Value of `traceparent`; nil: it has none.
    package var traceParent: ByteString?
    /// Value of `tracestate`; nil: it has none.
    package var traceState: ByteString?
    package var maxForwards = 70
    /// The user agent that sends it: gets all responses.
    package var agent: (any TransactionAgent)?

    package init(method: ByteString, requestURI: ByteString, from: ByteString, to: ByteString) {
        self.method = method
        self.requestURI = requestURI
        self.from = from
        self.to = to
    }
}

extension StackWorker {
    /// Sends a request of the server's own. The completion is called once, with the final response or without one.
    package func send(_ local: LocalRequest, completion: LocalCompletion?) {
        let local = caused(local)
        locate(local.nextHop ?? local.requestURI) { [self] result in
            switch result {
            case .failure: refuse(local, 478, completion)
            case .success(let destinations): send(local, destinations, completion)
            }
        }
    }

    private func send(_ local: LocalRequest, _ destinations: [Destination], _ completion: LocalCompletion?) {
        guard let first = destinations.first,
            let socket = listener(for: first, chosen: local.socket),
            let message = try? Message.parse(compose(local, socket), limits: configuration.messageLimits)
        else {
            refuse(local, 477, completion)
            return
        }
        let transaction = Transaction(
            key: .none, hash: Int(truncatingIfNeeded: makeUnique() & UInt64(Int.max)), request: message,
            isServer: false, source: socket.address,
            replyDestination: Destination(transport: socket.transport, address: socket.address, socket: socket),
            isReliable: first.transport.isReliable, configuration: configuration)
        transaction.onLocalFinal = completion
        if let milliseconds = local.finalResponseMilliseconds { transaction.settings.finalResponse = milliseconds }
        transaction.userState = local.user
        transaction.records = local.records
        transaction.orphanDeadline = now + Int(transaction.settings.finalInviteResponse)
        guard stack.table.insertLocal(transaction) else {
            refuse(local, 503, completion)
            return
        }
        count(counters.clientTransactions)
        if let agent = local.agent {
            transaction.lock.withLock {
                transaction.seat = AgentSeat(agent: agent)
                // Each is acknowledged, and ended if it is another fork's (RFC 3261 §13.2.2.4).
                transaction.settings.keepAccepted()
            }
            agent.begin(transaction, self)
        }
        var branch = OutgoingBranch(requestURI: local.requestURI, destinations: destinations)
        branch.socket = socket
        guard let hook = stack.hooks.localRequest else {
            dispatch(transaction, branch)
            return
        }
        // The hook may wait: from here on the transaction has an end (`fireOrphan`).
        step(transaction) { _, _ in }
        hook(message, transaction, self) { [self] edits in
            guard let edits else {
                finishLocal(transaction, nil, status: 477)
                return
            }
            branch.edits = edits
            dispatch(transaction, branch)
        }
    }

    /// Sends a copy of a request elsewhere, with state but without a way back: what it is answered with ends here
    /// (`t_replicate`). False when nothing could be sent.
    package func replicate(
        _ request: InboundRequest, _ branch: OutgoingBranch, usesFailover: Bool = true
    ) -> Bool {
        guard let destination = branch.destinations.first else { return false }
        let transaction = Transaction(
            key: .none, hash: Int(truncatingIfNeeded: makeUnique() & UInt64(Int.max)), request: request.message,
            isServer: false, source: request.source,
            replyDestination: Destination(
                transport: request.socket.transport, address: request.source, socket: request.socket),
            isReliable: destination.transport.isReliable, configuration: configuration)
        transaction.orphanDeadline = now + Int(transaction.settings.finalInviteResponse)
        guard stack.table.insertLocal(transaction) else { return false }
        count(counters.clientTransactions)
        if !usesFailover { transaction.disableFailover() }
        if relay(transaction, [branch]) == .sent { return true }
        finishLocal(transaction, nil, status: 477)
        return false
    }

    /// It could not even begin.
    private func refuse(_ local: LocalRequest, _ status: Int, _ completion: LocalCompletion?) {
        completion?(nil, status, self)
        local.agent?.receive(AgentResponse(transaction: nil, message: nil, status: status), self)
    }

    private func dispatch(_ transaction: Transaction, _ branch: OutgoingBranch) {
        if relay(transaction, [branch]) != .sent { finishLocal(transaction, nil, status: 477) }
    }

    func compose(_ local: LocalRequest, _ socket: ListenSocket) -> [UInt8] {
        var from = local.from
        if NameAddress(from)?.tag == nil { from = from + ";tag=" + makeTag() }
        var builder = RequestBuilder(
            method: local.method, requestURI: local.requestURI, from: from, to: local.to,
            callID: local.callID ?? makeCallID(socket), cseq: local.cseq)
        var lines = ByteWriter(reserving: local.headers.count + 64)
        lines.append(local.headers)
        if let parent = local.traceParent {
            lines.append("traceparent: ")
            lines.append(parent)
            lines.append("\r\n")
        }
        if let state = local.traceState {
            lines.append("tracestate: ")
            lines.append(state)
            lines.append("\r\n")
        }
        if !local.contentType.isEmpty {
            lines.append("Content-Type: ")
            lines.append(local.contentType)
            lines.append("\r\n")
        }
        if let agent = configuration.userAgent {
            lines.append("User-Agent: ")
            lines.append(agent)
            lines.append("\r\n")
        }
        builder.extraLines = lines.finishText()
        builder.maxForwards = local.maxForwards
        builder.body = local.body
        return builder.build()
    }

    private func makeCallID(_ socket: ListenSocket) -> ByteString {
        var writer = ByteWriter(reserving: 48)
        writer.append(hex: makeUnique(), digits: 16)
        writer.append(hex: UInt64(stack.boot), digits: 8)
        writer.append(UInt8(ascii: "@"))
        writer.append(socket.advertisedHost)
        return writer.finishText()
    }
}
