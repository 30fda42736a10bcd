package import Bytes
import Profiling
import Reactor
import RouteRuntime
package import SIPMessage
import SIPStack
import SIPTransport

/// What management commands do with transactions: `tm:hash`, `tm:reply`, `tm:uac_cancel`, `tm:uac_dlg`.
///
/// Any thread may call. Results come on a SIP process.
package struct TMManagement: Sendable {
    private let host: ScriptHost
    private static let job = Site("tm management", file: "mi_tm", line: 1)

    package init(host: ScriptHost) {
        self.host = host
    }

    /// Load of the table by shard: transactions now, and since the start.
    package var tableLoad: [(current: Int, total: Int)] { host.anyProcess?.0.stack.tableLoad ?? [] }

    /// Runs on a SIP process. False when there is none, or it takes no more jobs.
    private func onProcess(_ body: @escaping @Sendable (StackWorker) -> Void) -> Bool {
        guard let (worker, script) = host.anyProcess else { return false }
        return script.process.reactor.submit(Self.job) { body(worker) }
    }

    /// Answers a transaction named `place:serial`. The completion gets false when there is none, or it is answered.
    package func reply(
        transaction name: ByteString, code: Int, reason: ByteString, headers: ByteString, body: ByteString,
        completion: @escaping @Sendable (Bool) -> Void
    ) -> Bool {
        let parts = name.split(at: ASCII.colon)
        guard parts.count == 2, let place = parts[0].decimal().flatMap({ UInt32(exactly: $0) }),
            let serial = parts[1].decimal().flatMap({ UInt32(exactly: $0) })
        else { return false }
        return onProcess { worker in
            guard let transaction = worker.stack.transaction(place: place, serial: serial) else {
                completion(false)
                return
            }
            completion(
                worker.reply(transaction, status: code, reason: reason, headers: headers, body: body))
        }
    }

    /// Cancels the INVITE of a Call-ID and CSeq (`1 INVITE` or `1`).
    package func cancel(
        callID: ByteString, cseq: ByteString, completion: @escaping @Sendable (Bool) -> Void
    ) -> Bool {
        guard let number = cseq.split(at: ASCII.space).first?.decimal().flatMap({ UInt32(exactly: $0) }) else {
            return false
        }
        return onProcess { worker in
            guard let transaction = worker.stack.inviteTransaction(callID: callID.string, cseq: number) else {
                completion(false)
                return
            }
            worker.cancelAll(transaction)
            completion(true)
        }
    }

    /// Sends a request of the server's own. `headers` holds From and To, which are taken out of it. The completion gets the
    /// final response, or the status that stands for none.
    package func send(
        method: ByteString, requestURI: ByteString, headers: ByteString, nextHop: ByteString?, socket: ByteString?,
        body: ByteString, completion: @escaping @Sendable (Message?, Int) -> Void
    ) -> Bool {
        var from: ByteString?
        var to: ByteString?
        var callID: ByteString?
        var cseq: UInt32?
        var rest = ByteWriter(reserving: headers.count)
        for line in headers.split(at: ASCII.lineFeed) {
            let line = line.trimmed()
            guard let colon = line.first(of: ASCII.colon) else { continue }
            let value = line.dropFirst(colon + 1).trimmed()
            switch HeaderID(name: line.prefix(colon).trimmed()) {
            case .from: from = value
            case .to: to = value
            case .callID: callID = value
            case .cseq: cseq = value.split(at: ASCII.space).first?.decimal().flatMap { UInt32(exactly: $0) }
            case .via, .contentLength: break
            default:
                rest.append(line)
                rest.append("\r\n")
            }
        }
        guard let from, let to else { return false }
        let lines = rest.finishText()
        let listener = socket.flatMap { name in
            host.sockets.first { ByteString($0.description) == name || $0.tag.map { ByteString($0) } == name }
        }
        return onProcess { [callID, cseq] worker in
            var request = LocalRequest(method: method, requestURI: requestURI, from: from, to: to)
            request.headers = lines
            request.nextHop = nextHop
            request.socket = listener
            request.body = body
            request.callID = callID
            if let cseq { request.cseq = cseq }
            worker.send(request) { response, status, _ in completion(response, status) }
        }
    }
}
