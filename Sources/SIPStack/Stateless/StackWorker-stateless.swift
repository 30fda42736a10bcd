package import Bytes
import Reactor
package import SIPMessage
package import SIPTransport

extension StackWorker {
    /// Answers a request without keeping anything. ACK is never answered.
    ///
    /// `toTag` nil: a tag that the request's ACK shows, so that it ends here (`sl`). `isError`: it tells of a fault that the server found.
    @discardableResult
    package func replyStateless(
        _ request: InboundRequest, status: Int, reason: ByteString, toTag: ByteString? = nil,
        headers: ByteString = .empty, body: ByteString = .empty, contentType: ByteString = .empty,
        forcesRport: Bool = false, isError: Bool = false
    ) -> Bool {
        guard request.message.isAnswerable, let via = request.message.topVia else { return false }
        let tag = status == 100 ? .empty : toTag ?? statelessTag(of: request.message)
        let bytes = makeReply(
            to: request.message, status: status, reason: reason, toTag: tag, source: request.source,
            forcesRport: forcesRport, headers: headers, body: body, contentType: contentType)
        guard port.send(bytes, replyDestination(of: request, via: via, forcesRport: forcesRport)) else {
            count(counters.statelessFailures)
            return false
        }
        count(counters.statelessReplies[min(max(status / 100, 1), 6) - 1])
        count(counters.statelessSent)
        if isError { count(counters.statelessErrors) }
        return true
    }

    /// The To tag of stateless replies: the same for every repetition of the request, and shown by its ACK.
    package func statelessTag(of request: Message) -> ByteString {
        var hash = request.callID.stableHash(seed: stack.secret)
        if let tag = request.fromTag { hash = tag.stableHash(seed: hash) }
        hash = StackWorker.mix(hash ^ UInt64(request.cseq?.number ?? 0))
        var writer = ByteWriter(reserving: 20)
        writer.append("sl")
        writer.append(hex: hash, digits: 16)
        return writer.finishText()
    }

    /// The ACK of a stateless negative reply ends here.
    func isAckToStatelessReply(_ ack: Message) -> Bool {
        guard let tag = ack.toTag, tag.count == 18, tag.hasPrefix("sl") else { return false }
        return tag == statelessTag(of: ack)
    }

    /// Relays a request without keeping anything: `forward()`, ACK for 2xx, CANCEL of what nobody knows. The branch is the
    /// same for every repetition, its CANCEL and its ACK (RFC 3261 §16.11). False when it can't be sent.
    @discardableResult
    package func forwardStateless(
        _ request: InboundRequest, edits: MessageEdits, requestURI: ByteString, to destination: Destination,
        socket: ListenSocket? = nil, forcesRport: Bool = false, asksForRport: Bool = false, viaHost: ByteString? = nil,
        viaPort: ByteString? = nil
    ) -> Bool {
        guard let socket = listener(for: destination, chosen: socket, inbound: request.socket) else {
            count(counters.requestsFailed)
            return false
        }
        let hash = statelessBranch(of: request.message, by: request.message.topVia)
        let bytes = makeRequest(
            request.message, edits: edits, requestURI: requestURI, source: request.source, forcesRport: forcesRport,
            onStream: socket.transport.isReliable,
            via: { writer in
                Self.writeVia(&writer, socket: socket, host: viaHost, port: viaPort, asksForRport: asksForRport) {
                    $0.append(Self.statelessPrefix)
                    $0.append(hex: hash, digits: 16)
                }
            })
        var destination = destination
        destination.socket = socket
        let sent = port.send(bytes, destination)
        count(sent ? counters.requestsForwarded : counters.requestsFailed)
        return sent
    }

    /// Sends bytes of the script's own making.
    @discardableResult
    package func sendRaw(_ bytes: [UInt8], to destination: Destination) -> Bool {
        port.send(bytes, destination)
    }

    private static let statelessPrefix: StaticString = "z9hG4bKsl"

    /// What stands behind the prefix: a keyed hash of what the request says of who sent it. A reply says the same, in its second Via.
    private func statelessBranch(of message: Message, by via: Via?) -> UInt64 {
        var hash = stack.secret
        if let via, let branch = via.branch, via.hasMagicCookie {
            hash = branch.stableHash(seed: hash)
            hash = via.host.stableHash(seed: hash)
        } else {
            hash = message.callID.stableHash(seed: hash)
            hash = StackWorker.mix(hash ^ UInt64(message.cseq?.number ?? 0))
        }
        return StackWorker.mix(hash)
    }

    /// A reply that no transaction waits for: forwarded by its second Via (RFC 3261 §16.11), or dropped.
    func receiveStray(_ reply: Message, from source: SocketAddress, on socket: ListenSocket) {
        guard stack.hooks.showsAllReplies else {
            forwardStray(reply, socket: socket, verdict: .pass)
            return
        }
        let inbound = InboundReply(message: reply, source: source, socket: socket, transaction: nil, branch: 0)
        stack.hooks.reply(inbound, self) { [self] verdict in forwardStray(reply, socket: socket, verdict: verdict) }
    }

    private func forwardStray(_ reply: Message, socket: ListenSocket, verdict: ReplyVerdict) {
        let isAnswerToInvite = reply.method == .invite && (200..<300).contains(reply.statusCode)
        guard !verdict.isDropped, configuration.forwardsStrayReplies || isAnswerToInvite,
            let top = reply.topVia, let next = reply.secondVia, isOurs(top, next, of: reply, socket)
        else {
            count(counters.repliesDropped)
            return
        }
        let host = (next.received ?? next.host).withoutBrackets
        let transport = Transport(name: next.transport) ?? .udp
        let query = ResolveQuery(host: host, port: next.rport ?? next.port ?? 5060, transport: transport)
        let bytes = makeForwarded(
            reply, edits: verdict.edits.isEmpty ? nil : verdict.edits, status: reply.statusCode, challenges: [],
            onStream: transport.isReliable)
        locate(query) { [self] result in
            guard case .success(let destinations) = result, var first = destinations.first else {
                count(counters.repliesFailed)
                return
            }
            first.socket = listener(for: first, inbound: socket)
            count(port.send(bytes, first) ? counters.repliesForwarded : counters.repliesFailed)
        }
    }

    /// The Via was put there by this server: only then may it be taken off (RFC 3261 §18.1.2). Its branch says so, whatever address
    /// the script had it show; that of an earlier start is known by the listener's address alone.
    private func isOurs(_ via: Via, _ next: Via, of reply: Message, _ socket: ListenSocket) -> Bool {
        guard let branch = via.branch, branch.hasPrefix("z9hG4bKs") else { return false }
        if let id = BranchID(branch), id.boot == stack.boot { return true }
        if branch.hasPrefix(Self.statelessPrefix) {
            var expected = ByteWriter(reserving: 26)
            expected.append(Self.statelessPrefix)
            expected.append(hex: statelessBranch(of: reply, by: next), digits: 16)
            if branch == expected.finishText() { return true }
        }
        return via.port ?? 5060 == socket.advertisedPort
            && via.host.withoutBrackets.equalsIgnoringCase(socket.advertisedHost.withoutBrackets)
    }
}
