import Bytes
import Reactor
import SIPMessage
import Synchronization

/// The calling telephones: INVITE, wait for the answer, ACK, talk for a moment, BYE. A few calls a second, as told.
///
/// Confined to its process; `counts` may be read anywhere.
final class Caller: @unchecked Sendable {
    // @unchecked: `counts` is guarded, everything else belongs to the process's thread.
    static let pace = ReactorSites.timer("demo-pace")
    static let retransmit = ReactorSites.timer("demo-retransmit")
    static let hangUp = ReactorSites.timer("demo-hang-up")
    /// A request that has no answer after this is given up (RFC 3261 §17.1.1.2, timer B).
    static let giveUpMilliseconds = 32_000
    /// Every so many calls one has more to say. Prime to ten, so that there are such calls of every kind.
    static let longTalkEvery = 7

    private enum State { case inviting, talking, closing }

    private final class Call {
        let number: Int
        let kind: CallKind
        let callee: String
        var state = State.inviting
        var request: String
        var startedNanoseconds: Int64
        var waitedMilliseconds = 0
        var retry = 500
        var timer: Timer?

        init(number: Int, calling callee: Int, now: Int64) {
            self.number = number
            kind = CallKind.of(callee)
            self.callee = kind.dialled(callee)
            request = ""
            startedNanoseconds = now
        }
    }

    private let socket: EndpointSocket
    private let server: SocketAddress
    private let users: Int
    private let callsMax: Int
    private let rate: Double
    private let talkMilliseconds: (short: Int, long: Int)
    private var calls: [Int: Call] = [:]
    private var begunNanoseconds: Int64 = 0
    private var started = 0
    private let guarded = Mutex(CallCounts())

    /// What became of the calls. Any thread.
    var counts: CallCounts { guarded.withLock { $0 } }

    init(
        socket: EndpointSocket, server: SocketAddress, users: Int, callsMax: Int, rate: Double,
        talkMilliseconds: (short: Int, long: Int)
    ) {
        self.socket = socket
        self.server = server
        self.users = users
        self.callsMax = callsMax
        self.rate = rate
        self.talkMilliseconds = talkMilliseconds
    }

    /// Prepares the socket; before the process runs.
    func prepare() throws(SystemCallError) {
        try socket.listen { [unowned self] message in
            if message.isRequest { return }
            self.handle(message)
        }
    }

    /// Begins to call. On the process's thread.
    func begin() {
        let reactor = socket.process.reactor
        begunNanoseconds = reactor.nowNanoseconds
        let timer = reactor.every(milliseconds: 10, label: Self.pace) { [unowned self] in self.pace() }
        reactor.atStop { [self] in
            timer.invalidate()
            for call in calls.values { call.timer?.invalidate() }
            calls = [:]
        }
        pace()
    }

    private func pace() {
        let elapsed = Double(socket.process.reactor.nowNanoseconds - begunNanoseconds) / 1e9
        while started < callsMax, Double(started) <= elapsed * rate { place() }
    }

    private func place() {
        started += 1
        let call = Call(
            number: started, calling: 1 + started % users, now: socket.process.reactor.nowNanoseconds)
        let body = SessionDescription.text(socket.address)
        call.request =
            head(call, "INVITE", "sip:\(call.callee)@\(server)", branch: "i", cseq: 1, toTag: nil)
            + "Contact: <sip:caller@\(socket.address)>\r\n" + body
        calls[started] = call
        guarded.withLock { $0[call.kind].started += 1 }
        transmit(call)
    }

    private func head(
        _ call: Call, _ method: String, _ uri: String, branch: String, cseq: Int, toTag: String?, routes: String = ""
    ) -> String {
        """
        \(method) \(uri) SIP/2.0\r
        Via: SIP/2.0/UDP \(socket.address);branch=z9hG4bK\(branch)\(call.number);rport\r
        Max-Forwards: 70\r
        \(routes)From: "Caller \(call.number)" <sip:caller@\(server.host)>;tag=c\(call.number)\r
        To: <sip:\(call.callee)@\(server.host)>\(toTag.map { ";tag=\($0)" } ?? "")\r
        Call-ID: demo-\(call.number)\r
        CSeq: \(cseq) \(method)\r
        User-Agent: sipray demo\r

        """
    }

    private func transmit(_ call: Call) {
        socket.send(call.request, to: server)
        call.waitedMilliseconds = 0
        call.retry = 500
        call.timer = socket.process.reactor.makeTimer(label: Self.retransmit) { [unowned self, unowned call] in
            call.waitedMilliseconds += call.retry
            guard call.waitedMilliseconds < Self.giveUpMilliseconds else { return end(call) { $0.lost += 1 } }
            guarded.withLock { $0.retransmissions += 1 }
            socket.send(call.request, to: server)
            call.retry = min(call.retry * 2, 4000)
            call.timer?.arm(afterMilliseconds: call.retry)
        }
        call.timer?.arm(afterMilliseconds: call.retry)
    }

    private func end(_ call: Call, _ count: (inout CallCounts) -> Void) {
        call.timer?.invalidate()
        calls[call.number] = nil
        guarded.withLock { count(&$0) }
    }

    private func handle(_ reply: Message) {
        guard let id = reply.value(.callID)?.string, id.hasPrefix("demo-"), let number = Int(id.dropFirst(5)),
            let call = calls[number]
        else { return }
        let code = reply.statusCode
        switch (call.state, reply.method) {
        case (.inviting, .invite) where code < 200: call.timer?.cancel()
        case (.inviting, .invite) where code < 300: answer(call, reply)
        case (.inviting, .invite):
            let toTag = reply.value(.to)?.string.components(after: "tag=")
            socket.send(
                head(call, "ACK", "sip:\(call.callee)@\(server)", branch: "i", cseq: 1, toTag: toTag)
                    + "Content-Length: 0\r\n\r\n", to: server)
            end(call) { $0.refused[code, default: 0] += 1 }
        case (.closing, .bye) where code >= 200:
            end(call) { $0[call.kind].completed += 1 }
        default: break
        }
    }

    private func answer(_ call: Call, _ reply: Message) {
        call.timer?.invalidate()
        call.state = .talking
        let elapsed = Double(socket.process.reactor.nowNanoseconds - call.startedNanoseconds) / 1e6
        guarded.withLock { $0[call.kind].setupMilliseconds.append(elapsed) }
        let toTag = reply.value(.to)?.string.components(after: "tag=")
        // The route set is the Record-Route of the answer, last first (RFC 3261 §12.1.2).
        let routes = reply.all(.recordRoute).map { "Route: \(reply.text($0.value))\r\n" }.reversed().joined()
        let contact = reply.value(.contact)?.string ?? ""
        let target = contact.components(after: "<").map { String($0.prefix { $0 != ">" }) } ?? "sip:\(server)"
        socket.send(
            head(call, "ACK", target, branch: "a", cseq: 1, toTag: toTag, routes: routes) + "Content-Length: 0\r\n\r\n",
            to: server)
        call.request =
            head(call, "BYE", target, branch: "b", cseq: 2, toTag: toTag, routes: routes) + "Content-Length: 0\r\n\r\n"
        call.timer = socket.process.reactor.makeTimer(label: Self.hangUp) { [unowned self, unowned call] in
            call.state = .closing
            transmit(call)
        }
        let isLong = call.number % Self.longTalkEvery == 0
        call.timer?.arm(afterMilliseconds: isLong ? talkMilliseconds.long : talkMilliseconds.short)
    }
}

extension String {
    /// What follows the first `mark`, up to the next `;` or `,`; nil when there is no `mark`.
    fileprivate func components(after mark: String) -> String? {
        guard let range = firstRange(of: mark) else { return nil }
        return String(self[range.upperBound...].prefix { $0 != ";" && $0 != "," })
    }
}
