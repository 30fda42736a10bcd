package import Bytes
import Reactor
package import RouteRuntime
import SIPMessage
import SIPStack
package import SIPTransport

/// What scripts do without a transaction: `sl` replies, `forward()`, `send()`, ACKs of answered calls.
extension ScriptHost {
    /// Gives the modules their way to answer without state.
    package func bindReplies(_ replies: Replies) {
        replies.stateless = { [self] reply, context, process in
            guard let worker = worker(process), let request = inbound(context) else { return false }
            return worker.replyStateless(
                request, status: reply.status, reason: reply.reason, headers: reply.lines, body: reply.body,
                forcesRport: context.forceRport, isError: reply.isError)
        }
        replies.keepConnection = { [self] context, process, seconds in
            worker(process)?.connections?.keep(ConnectionID(context.connection), seconds: seconds)
        }
        replies.statelessTag = { [self] context, process in
            guard let worker = worker(process), let request = inbound(context) else { return nil }
            return worker.statelessTag(of: request.message)
        }
    }

    /// `forward([destination])` of the core.
    package var forwardFunction: HostFunction {
        { [self] call in
            guard let worker = worker(call.process), let request = inbound(call.context) else { return .no }
            var proxy: ResolveQuery?
            if let text = call.string(0), !text.isEmpty {
                guard let query = ResolveQuery(destination: text) else {
                    call.log(.error, "forward: \"\(text)\" is no destination; it is [proto:]host[:port]")
                    return .no
                }
                proxy = query
            }
            return forward(call.run, worker, request, proxy)
        }
    }

    /// `send(destination[, headers])` of the core: the message as received, to an address.
    package var sendFunction: HostFunction {
        { [self] call in
            guard let worker = worker(call.process), let text = call.string(0),
                let query = ResolveQuery(destination: text)
            else { return .no }
            let message = call.context.message
            let headers = call.string(1) ?? .empty
            let (chosen, inbound) = (socket(call.context.socketOut), socket(call.context.socketIn))
            return finish(call.run, worker, query) { destination in
                var destination = destination
                destination.socket = worker.listener(for: destination, chosen: chosen, inbound: inbound)
                var edits = MessageEdits()
                if !headers.isEmpty { edits.append(line: headers, to: message) }
                return worker.sendRaw(
                    edits.apply(to: message, onStream: destination.transport.isReliable), to: destination)
            }
        }
    }

    /// Relays the request without state: to `$du`, a given destination, or the request URI, in this order.
    func forward(
        _ run: ScriptRun, _ worker: StackWorker, _ request: InboundRequest, _ proxy: ResolveQuery?
    ) -> Outcome {
        let context = run.context
        let target: ResolveQuery?
        if let uri = context.destinationURI, !uri.isEmpty {
            target = StackWorker.query(for: uri)
        } else {
            target = proxy ?? StackWorker.query(for: context.requestURI)
        }
        guard let target else { return .done(RelayCode.badDestination) }
        let socket = socket(context.socketOut)
        return finish(run, worker, target) { [self] destination in
            let listener = worker.listener(for: destination, chosen: socket, inbound: request.socket)
            var edits = scriptSocket(listener).map { context.edits(for: $0) } ?? context.edits
            propagate(context.records, request.message, &edits)
            return worker.forwardStateless(
                request, edits: edits, requestURI: context.requestURI, to: destination, socket: listener,
                forcesRport: context.forceRport, asksForRport: context.addLocalRport,
                viaHost: context.advertisedAddress, viaPort: context.advertisedPort)
        }
    }

    /// Does something with the first address of a name; the script waits if the name must be asked for.
    private func finish(
        _ run: ScriptRun, _ worker: StackWorker, _ query: ResolveQuery, _ body: @escaping (Destination) -> Bool
    ) -> Outcome {
        if let destination = worker.locateNow(query) {
            if isBlocked(destination, run.context) { return .done(RelayCode.filtered) }
            return body(destination) ? .yes : .done(RelayCode.sendFailed)
        }
        var answer: Outcome?
        var resumption: Resumption?
        worker.locate(query) { [self] result in
            // A script that was told that it cannot wait has nothing sent.
            guard resumption?.isWanted ?? true else { return }
            let outcome: Outcome
            switch result {
            case .success(let destinations):
                if let first = destinations.first(where: { !isBlocked($0, run.context) }) {
                    outcome = body(first) ? .yes : .done(RelayCode.sendFailed)
                } else {
                    outcome = .done(destinations.isEmpty ? -1 : RelayCode.filtered)
                }
            case .failure:
                outcome = .done(RelayCode.badDestination)
            }
            if let resumption { resumption.resume(outcome) } else { answer = outcome }
        }
        if let answer { return answer }
        resumption = run.wait()
        return .suspended
    }
}

extension ResolveQuery {
    /// Reads `[proto:]host[:port]` as functions take it, or a SIP URI; nil when it is neither.
    package init?(destination text: ByteString) {
        let text = text.trimmed()
        if text.hasPrefixIgnoringCase("sip:") || text.hasPrefixIgnoringCase("sips:") {
            guard let query = StackWorker.query(for: text) else { return nil }
            self = query
            return
        }
        var rest = text
        var transport: Transport?
        if let colon = text.first(of: ASCII.colon), let named = Transport(name: text.prefix(colon)) {
            transport = named
            rest = text.dropFirst(colon + 1)
        }
        let bracket = rest.last(of: ASCII.closeBracket) ?? -1
        var port: UInt16?
        if let colon = rest.last(of: ASCII.colon), colon > bracket {
            guard let number = rest.dropFirst(colon + 1).decimal().flatMap({ UInt16(exactly: $0) }) else { return nil }
            port = number
            rest = rest.prefix(colon)
        }
        guard !rest.isEmpty, !rest.contains(ASCII.space) else { return nil }
        self.init(host: rest.withoutBrackets, port: port, transport: transport)
    }
}
