import Bytes
import Reactor
import SIPMessage

/// A calling endpoint: INVITE, ACK, BYE with the retransmissions that RFC 3261 asks for, by way of the server.
final class TestCaller {
    enum State { case calling, ringing, answered, refused, cancelling, leaving, done }

    let network: SimulatedNetwork
    let address: SocketAddress
    let number: Int
    private(set) var state = State.calling
    private(set) var status = 0
    private(set) var statuses: [Int] = []
    private(set) var byeStatus = 0
    /// Milliseconds after which the caller gives up ringing; nil: never.
    var cancelsAfter: Int?
    var hangsUpAfter = 200
    private var contact = ""
    private var toTag = ""
    private var interval = 500
    private var round = 0

    init(_ network: SimulatedNetwork, number: Int) {
        self.network = network
        self.number = number
        address = SocketAddress(10, 1, UInt8(number / 250), UInt8(number % 250 + 1), port: 5060)
        network.listeners[address] = { [unowned self] bytes, _ in receive(bytes) }
    }

    func start() {
        send(request("INVITE", branch: "inv", to: "sip:user\(number)@server"))
        repeatInvite()
        if let cancelsAfter { giveUp(after: cancelsAfter) }
    }

    /// RFC 3261 §9.1: no CANCEL before a provisional response.
    private func giveUp(after milliseconds: Int) {
        network.schedule(after: milliseconds) { [self] in
            if state == .calling { return giveUp(after: 100) }
            guard state == .ringing else { return }
            state = .cancelling
            repeatCancel(500)
        }
    }

    private func repeatInvite() {
        network.schedule(after: interval) { [self] in
            guard state == .calling, interval < 32_000 else { return }
            send(request("INVITE", branch: "inv", to: "sip:user\(number)@server"))
            interval *= 2
            repeatInvite()
        }
    }

    private func repeatCancel(_ wait: Int) {
        guard state == .cancelling, wait < 32_000 else { return }
        send(request("CANCEL", branch: "inv", to: "sip:user\(number)@server"))
        network.schedule(after: wait) { [self] in repeatCancel(wait * 2) }
    }

    private func repeatBye(_ wait: Int) {
        guard state == .leaving, wait < 32_000 else { return }
        send(request("BYE", branch: "bye", to: contact, cseq: 2))
        network.schedule(after: wait) { [self] in repeatBye(wait * 2) }
    }

    private func receive(_ bytes: [UInt8]) {
        guard let reply = try? Message.parse(bytes), !reply.isRequest, let cseq = reply.cseq else { return }
        switch cseq.method {
        case .invite: receiveInvite(reply)
        case .bye:
            if reply.statusCode >= 200, state == .leaving {
                byeStatus = reply.statusCode
                state = .done
            }
        default: break
        }
    }

    private func receiveInvite(_ reply: Message) {
        statuses.append(reply.statusCode)
        switch reply.statusCode {
        case ..<200:
            if state == .calling { state = .ringing }
        case 200..<300:
            toTag = reply.toTag?.string ?? ""
            var contacts = reply.contacts
            contact = contacts.next()?.uriText.string ?? ""
            send(request("ACK", branch: "ack\(round)", to: contact))
            round += 1
            guard state == .calling || state == .ringing || state == .cancelling else { return }
            status = reply.statusCode
            state = .answered
            network.schedule(after: hangsUpAfter) { [self] in
                state = .leaving
                repeatBye(500)
            }
        default:
            toTag = reply.toTag?.string ?? ""
            send(request("ACK", branch: "inv", to: "sip:user\(number)@server"))
            guard state != .answered, state != .leaving, state != .done else { return }
            status = reply.statusCode
            state = .refused
        }
    }

    private func request(_ method: String, branch: String, to uri: String, cseq: Int = 1) -> String {
        let to = toTag.isEmpty || method == "CANCEL" || method == "INVITE" ? "" : ";tag=\(toTag)"
        return """
            \(method) \(uri) SIP/2.0\r
            Via: SIP/2.0/UDP \(address);branch=z9hG4bK\(branch)\(number)\r
            Max-Forwards: 70\r
            From: <sip:caller\(number)@server>;tag=from\(number)\r
            To: <sip:user\(number)@server>\(to)\r
            Call-ID: call\(number)@test\r
            CSeq: \(cseq) \(method)\r
            Contact: <sip:caller\(number)@\(address)>\r
            Content-Length: 0\r
            \r

            """
    }

    private func send(_ text: String) {
        network.send(Array(text.utf8), from: address, to: TestServer.address)
    }
}

/// A called endpoint: answers INVITE as told, repeats its final answer until the ACK comes, answers BYE and CANCEL.
final class TestCallee {
    struct Behaviour {
        /// nil: never answers at all.
        var provisional: Int? = 180
        var final: Int? = 200
        var ringsFor = 100
        var extraHeaders: ByteString = .empty
    }

    private final class Call {
        let invite: Message
        var final: [UInt8]?
        var isAcknowledged = false
        init(_ invite: Message) { self.invite = invite }
    }

    let network: SimulatedNetwork
    let address: SocketAddress
    var behaviour: Behaviour
    private(set) var invites = 0
    private(set) var cancels = 0
    private(set) var acks = 0
    private(set) var byes = 0
    private(set) var requests: [Message] = []
    private var calls: [String: Call] = [:]

    init(_ network: SimulatedNetwork, number: Int, _ behaviour: Behaviour = Behaviour()) {
        self.network = network
        self.behaviour = behaviour
        address = SocketAddress(10, 2, 0, UInt8(number), port: 5060)
        network.listeners[address] = { [unowned self] bytes, _ in receive(bytes) }
    }

    private func receive(_ bytes: [UInt8]) {
        guard let request = try? Message.parse(bytes), request.isRequest else { return }
        requests.append(request)
        let branch = request.topVia?.branch?.string ?? ""
        switch request.method {
        case .invite: receiveInvite(request, branch)
        case .ack:
            acks += 1
            if let call = calls[branch] {
                call.isAcknowledged = true
            } else {
                for call in calls.values where call.invite.callID == request.callID { call.isAcknowledged = true }
            }
        case .cancel:
            cancels += 1
            reply(request, 200)
            if let call = calls[branch], call.final == nil { finish(call, 487) }
        default:
            if request.method == .bye { byes += 1 }
            reply(request, 200)
        }
    }

    private func receiveInvite(_ request: Message, _ branch: String) {
        if let call = calls[branch] {
            if let final = call.final {
                network.send(final, from: address, to: TestServer.address)
            } else if let provisional = behaviour.provisional {
                reply(request, provisional)
            }
            return
        }
        invites += 1
        let call = Call(request)
        calls[branch] = call
        if let provisional = behaviour.provisional { reply(request, provisional) }
        guard let final = behaviour.final else { return }
        network.schedule(after: behaviour.ringsFor) { [self] in if call.final == nil { finish(call, final) } }
    }

    private func finish(_ call: Call, _ status: Int) {
        call.final = build(call.invite, status)
        repeatFinal(call, 500, sent: 0)
    }

    private func repeatFinal(_ call: Call, _ wait: Int, sent: Int) {
        guard !call.isAcknowledged, sent < 11, let final = call.final else { return }
        network.send(final, from: address, to: TestServer.address)
        network.schedule(after: wait) { [self] in repeatFinal(call, min(wait * 2, 4_000), sent: sent + 1) }
    }

    private func reply(_ request: Message, _ status: Int) {
        network.send(build(request, status), from: address, to: TestServer.address)
    }

    private func build(_ request: Message, _ status: Int) -> [UInt8] {
        var builder = ReplyBuilder(to: request, status: status)
        builder.toTag = ByteString("tag\(address.port)x\(address.low & 255)")
        builder.extraLines = ByteString("Contact: <sip:callee@\(address)>\r\n") + behaviour.extraHeaders
        return builder.build()
    }
}
