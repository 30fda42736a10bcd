import Bytes
import Profiling
import Reactor
import SIPMessage
import SIPTransaction
package import SIPTransport

extension StackWorker {
    /// A datagram came in. Records `receive_msg` and what happens inside it.
    package func receive(_ datagram: InboundDatagram) {
        receive(
            datagram.bytes, from: datagram.source, on: datagram.socket, at: datagram.kernelNanoseconds, over: .none)
    }

    /// A message came in over a connection. One that could not be framed is answered if it can be, and the connection closed.
    package func receive(_ message: InboundStreamMessage) {
        guard let fault = message.fault else {
            receive(
                message.bytes, from: message.source, on: message.socket, at: message.receivedNanoseconds,
                over: message.connection)
            return
        }
        refuse(message, fault)
        port.connections?.close(message.connection)
    }

    @inline(__always)
    private func receive(
        _ bytes: [UInt8], from source: SocketAddress, on socket: ListenSocket, at nanoseconds: Int64,
        over connection: ConnectionID
    ) {
        probe.enter(StackSites.receiveMessage)
        defer { probe.exit(StackSites.receiveMessage) }
        do throws(MessageError) {
            let message = try Message.parse(bytes, limits: configuration.messageLimits)
            if probe.wantsSubjects { noteSubject(message) }
            if message.isRequest {
                try message.check(.transaction)
                if !connection.isNone, configuration.acceptsAliases { acceptAlias(of: message, connection) }
                receiveRequest(
                    InboundRequest(
                        message: message, source: source, socket: socket, kernelNanoseconds: nanoseconds,
                        connection: connection))
            } else {
                receiveReply(message, from: source, on: socket)
            }
        } catch {
            reject(error, from: source, on: socket, over: connection)
        }
    }

    /// Answers a request whose end is unknown (RFC 3261 §18.3).
    private func refuse(_ message: InboundStreamMessage, _ fault: FramingFault) {
        count(counters.badHeaders)
        guard let answer = fault.reply else { return }
        let parsed: Message?
        do throws(MessageError) {
            parsed = try Message.parse(message.bytes, limits: configuration.messageLimits)
        } catch {
            parsed = error.partial
        }
        guard let parsed, parsed.isRequest else { return }
        count(counters.requestsFailed)
        let request = InboundRequest(
            message: parsed, source: message.source, socket: message.socket, connection: message.connection)
        replyStateless(request, status: answer.status, reason: ByteString(answer.reason), isError: true)
    }

    /// `;alias` in the top Via: requests to its port at the peer's address go over this connection too (RFC 5923 §5).
    private func acceptAlias(of request: Message, _ connection: ConnectionID) {
        guard let via = request.topVia, via.parameters.contains("alias") else { return }
        _ = port.connections?.addAlias(connection, port: via.port ?? 5060)
    }

    /// What can't be read is answered if there is enough of it to build an answer from, and counted (RFC 3261 §8.2).
    private func reject(
        _ error: MessageError, from source: SocketAddress, on socket: ListenSocket, over connection: ConnectionID
    ) {
        if error.kind == .keepAlive { return }
        count(error.kind == .requestURI ? counters.badURIs : counters.badHeaders)
        if let partial = error.partial, !partial.isRequest {
            count(counters.repliesFailed)
        } else {
            count(counters.requestsFailed)
        }
        if probe.wantsSubjects { noteSubject(error.partial) }
        guard let partial = error.partial, partial.isRequest else { return }
        let request = InboundRequest(message: partial, source: source, socket: socket, connection: connection)
        if error.isBehindFirstLine, let hook = stack.hooks.badRequest, hook(error, request, self) { return }
        if let reply = error.reply {
            replyStateless(request, status: reply.status, reason: ByteString(reply.reason), isError: true)
        }
    }

    private func receiveRequest(_ request: InboundRequest) {
        count(counters.requestsReceived)
        if request.message.method == .other { count(counters.unsupportedMethods) }
        if request.message.method == .ack, isAckToStatelessReply(request.message) {
            count(counters.statelessAcks)
            return
        }
        if !stack.hooks.preScript.isEmpty {
            probe.enter(StackSites.requestPreScript)
            if configuration.notesTraceParents { work = WorkInHand(records: .none, request: request.message) }
            let goesOn = stack.hooks.preScript.allSatisfy { $0(request, self) }
            work = nil
            probe.exit(StackSites.requestPreScript, status: goesOn ? 1 : 0)
            guard goesOn else {
                if probe.wantsAnnotations { note(request) }
                count(counters.requestsDropped)
                return
            }
        }
        probe.enter(StackSites.requestScript)
        stack.hooks.request(request, self)
        probe.exit(StackSites.requestScript, status: 1)
    }

    private func receiveReply(_ reply: Message, from source: SocketAddress, on socket: ListenSocket) {
        count(counters.repliesReceived)
        probe.enter(StackSites.replyForward)
        defer { probe.exit(StackSites.replyForward) }
        guard let via = reply.topVia, let cseq = reply.cseq else {
            count(counters.repliesFailed)
            return
        }
        guard let branch = via.branch, let id = BranchID(branch), id.boot == stack.boot,
            let transaction = stack.table.find(place: id.place, serial: id.serial)
        else {
            receiveStray(reply, from: source, on: socket)
            return
        }
        probe.enter(StackSites.replyReceived)
        count(counters.tmReplies)
        if probe.wantsAnnotations { note(reply, from: source, on: socket, continuing: transaction) }
        working(on: transaction) {
            receive(
                InboundReply(
                    message: reply, source: source, socket: socket, transaction: transaction, branch: Int(id.index)),
                for: transaction, method: cseq.method)
        }
        probe.exit(StackSites.replyReceived)
    }

    /// A datagram of ours did not get there: the branch that it belonged to fails at once (RFC 3261 §18.4).
    package func sendFailed(_ failure: SendFailure) {
        guard let start = failure.payload.first(of: ByteString(BranchID.prefix)),
            start + BranchID.count <= failure.payload.count,
            let id = BranchID(failure.payload.slice(start..<start + BranchID.count)), id.boot == stack.boot,
            let transaction = stack.table.find(place: id.place, serial: id.serial)
        else { return }
        transportFailed(transaction, branch: Int(id.index))
    }
}

extension MessageError {
    /// The first line was read, so that it is known to be a request's.
    fileprivate var isBehindFirstLine: Bool {
        switch kind {
        case .keepAlive, .notSIP, .version, .requestLine, .statusLine, .startLineTooLong: false
        default: true
        }
    }
}
