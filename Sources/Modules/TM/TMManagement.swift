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

    /// Answers a transaction named `place:serial` in decimal, or as `$T_id` has it. The completion gets false when there is
    /// none, or it is answered. An empty `toTag` stands for the transaction's own.
    package func reply(
        transaction name: ByteString, code: Int, reason: ByteString, toTag: ByteString, headers: ByteString,
        body: ByteString, completion: @escaping @Sendable (Bool) -> Void
    ) -> Bool {
        guard let (place, serial) = Self.identity(name) else { return false }
        let lines = HeaderLines(headers)
        return onProcess { worker in
            guard let transaction = worker.stack.transaction(place: place, serial: serial) else {
                completion(false)
                return
            }
            completion(
                worker.reply(
                    transaction, status: code, reason: reason, headers: lines.rest, body: body, toTag: toTag))
        }
    }

    private static func identity(_ name: ByteString) -> (place: UInt32, serial: UInt32)? {
        let parts = name.split(at: ASCII.colon)
        if parts.count == 2, let place = parts[0].decimal().flatMap({ UInt32(exactly: $0) }),
            let serial = parts[1].decimal().flatMap({ UInt32(exactly: $0) })
        {
            return (place, serial)
        }
        guard name.count == 16, let both = UInt64(name.string, radix: 16) else { return nil }
        return (UInt32(both >> 32), UInt32(truncatingIfNeeded: both))
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
        let lines = HeaderLines(headers)
        guard let from = lines.from, let to = lines.to else { return false }
        let listener = socket.flatMap { name in
            host.sockets.first { ByteString($0.description) == name || $0.tag.map { ByteString($0) } == name }
        }
        return onProcess { worker in
            var request = LocalRequest(method: method, requestURI: requestURI, from: from, to: to)
            request.headers = lines.rest
            request.nextHop = nextHop
            request.socket = listener
            request.body = body
            request.callID = lines.callID
            if let cseq = lines.cseq { request.cseq = cseq }
            worker.send(request) { response, status, _ in completion(response, status) }
        }
    }
}

/// Header lines that someone outside wrote, taken apart: what the stack makes a place for itself, and the rest.
private struct HeaderLines: Sendable {
    private(set) var from: ByteString?
    private(set) var to: ByteString?
    private(set) var callID: ByteString?
    private(set) var cseq: UInt32?
    /// Whole lines, each with its end.
    private(set) var rest = ByteString.empty

    init(_ headers: ByteString) {
        var writer = ByteWriter(reserving: headers.count + 2)
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
                writer.append(line)
                writer.append("\r\n")
            }
        }
        rest = writer.finishText()
    }
}
