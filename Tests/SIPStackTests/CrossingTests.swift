import Bytes
import Reactor
import SIPMessage
import SIPStack
import SIPTransaction
import SIPTransport
import Testing

/// Events that are late, or cross each other: message by message on one worker and a clock by hand.
@Suite struct CrossingTests {
    /// A proxy that forks to two callees, on two workers that take turns; so no message meets the process of the one before.
    private final class Proxy: @unchecked Sendable {
        // @unchecked: one thread.
        static let caller = SocketAddress(10, 1, 1, 1, port: 5060)
        static let callees = [SocketAddress(10, 2, 2, 2, port: 5060), SocketAddress(10, 3, 3, 3, port: 5060)]
        let socket = ListenSocket(id: 0, transport: .udp, address: TestServer.address)
        let statistics = Statistics()
        var workers: [StackWorker] = []
        var turn = 0
        var now = 10_000
        var deadlines = [Int.max, Int.max]
        var sent: [(to: SocketAddress, message: Message)] = []
        var stack: Stack { workers[0].stack }

        init(branches: Int, configure: (inout StackConfiguration) -> Void = { _ in }) {
            let destinations = Self.callees.prefix(branches).map { Destination(transport: .udp, address: $0) }
            var configuration = StackConfiguration()
            configuration.trying = .never
            configure(&configuration)
            let hooks = StackHooks { request, worker in
                switch worker.match(request) {
                case .retransmission(let transaction): worker.absorb(transaction)
                case .acknowledgement(let transaction):
                    guard !worker.absorbAck(transaction) else { return }
                    worker.forwardStateless(
                        request, edits: MessageEdits(), requestURI: request.message.requestURI, to: destinations[0])
                case .cancel(let transaction): worker.cancel(transaction, with: request)
                case .none where request.message.method == .ack:
                    worker.forwardStateless(
                        request, edits: MessageEdits(), requestURI: request.message.requestURI, to: destinations[0])
                case .none where request.message.method == .cancel: break
                case .none:
                    guard case .created(let transaction) = worker.makeTransaction(for: request) else { return }
                    let outgoing = destinations.map {
                        OutgoingBranch(requestURI: request.message.requestURI, destinations: [$0])
                    }
                    _ = worker.relay(transaction, outgoing)
                }
            }
            let stack = Stack(
                configuration: configuration, hooks: hooks, statistics: statistics, boot: 7, secret: 7)
            for id in 0..<2 { workers.append(makeWorker(id, stack)) }
        }

        private func makeWorker(_ id: Int, _ stack: Stack) -> StackWorker {
            let socket = socket
            return StackWorker(
                stack: stack, id: id, probe: .unattached(process: id), cells: statistics.makeCells(),
                port: WorkerPort(
                    now: { [unowned self] in now }, arm: { [unowned self] in deadlines[id] = $0 },
                    send: { [unowned self] bytes, destination in
                        guard let message = try? Message.parse(bytes) else { return false }
                        sent.append((destination.address, message))
                        if message.isRequest, let callee = Self.callees.firstIndex(of: destination.address) {
                            if message.method != .ack, message.method != .cancel { requests[callee] = message }
                        }
                        return true
                    },
                    socket: { _, _ in socket },
                    resolve: { _, completion in completion(.failure(.notFound("nothing"))) },
                    immediate: { query in
                        SocketAddress(host: query.host.string, port: query.port ?? 5060).map {
                            Destination(transport: .udp, address: $0)
                        }
                    }))
        }

        func receive(_ bytes: [UInt8], from source: SocketAddress) {
            turn += 1
            workers[turn % 2].receive(InboundDatagram(bytes: bytes, source: source, socket: socket))
        }

        func request(_ method: String, branch: String = "z9hG4bKa", toTag: String = "") {
            let text = """
                \(method) sip:bob@example.net SIP/2.0\r
                Via: SIP/2.0/UDP 10.1.1.1:5060;branch=\(branch)\r
                Max-Forwards: 70\r
                From: <sip:alice@example.net>;tag=a\r
                To: <sip:bob@example.net>\(toTag.isEmpty ? "" : ";tag=" + toTag)\r
                Call-ID: c\r
                CSeq: 1 \(method)\r
                Content-Length: 0\r
                \r

                """
            receive(Array(text.utf8), from: Self.caller)
        }

        /// The last request but ACK and CANCEL that each callee got.
        private var requests: [Int: Message] = [:]

        func reply(_ status: Int, from callee: Int) {
            guard let request = requests[callee] else { return }
            var builder = ReplyBuilder(to: request, status: status)
            builder.toTag = ByteString("callee\(callee)")
            receive(builder.build(), from: Self.callees[callee])
        }

        func advance(_ milliseconds: Int) {
            let end = now + milliseconds
            while let next = deadlines.min(), next <= end {
                now = max(now, next)
                for id in 0..<2 where deadlines[id] <= now {
                    deadlines[id] = .max
                    workers[id].timerFired()
                }
            }
            now = end
        }

        /// What was sent since the last call: to whom, and method or status.
        func take() -> [String] {
            defer { sent = [] }
            return sent.map { item in
                let name = item.to == Self.caller ? "caller" : item.to == Self.callees[0] ? "one" : "two"
                return name + " "
                    + (item.message.isRequest ? item.message.methodText.string : "\(item.message.statusCode)")
            }
        }

        func value(_ name: String) -> Int { statistics.select(name).first?.value ?? -1 }

        /// Everything has ended, nothing is left.
        func expectEnd() {
            advance(400_000)
            #expect(stack.transactionCount == 0)
            for worker in workers { #expect(worker.timersWaiting == 0) }
        }
    }

    @Test func anAnswerThatCrossesTheCancelWins() {
        let proxy = Proxy(branches: 1)
        proxy.request("INVITE")
        proxy.reply(180, from: 0)
        proxy.request("CANCEL")
        #expect(proxy.take() == ["one INVITE", "caller 180", "caller 200", "one CANCEL"])
        proxy.reply(200, from: 0)
        #expect(proxy.take() == ["caller 200"], "the INVITE is answered by the 2xx, not by 487")
        proxy.request("ACK", branch: "z9hG4bKb", toTag: "callee0")
        #expect(proxy.take() == ["one ACK"])
        proxy.expectEnd()
        #expect(proxy.value("tm:2xx_transactions") == 1)
        #expect(proxy.value("tm:4xx_transactions") == 0)
    }

    @Test func a2xxIsForwardedEachTimeItComes() {
        let proxy = Proxy(branches: 1)
        proxy.request("INVITE")
        _ = proxy.take()
        proxy.reply(200, from: 0)
        proxy.reply(200, from: 0)
        #expect(proxy.take() == ["caller 200", "caller 200"], "Accepted passes repetitions on (RFC 6026 §7.2)")
        proxy.advance(6_000)
        #expect(proxy.stack.transactionCount == 0)
        proxy.reply(200, from: 0)
        #expect(proxy.take() == ["caller 200"], "and without state when the transaction is over")
        #expect(proxy.value("tm:2xx_transactions") == 1, "one call")
        #expect(proxy.value("tm:relayed_replies") == 2)
        #expect(proxy.value("core:fwd_replies") == 1)
        proxy.expectEnd()
    }

    @Test func bothAnswersOfAForkReachTheCaller() {
        let proxy = Proxy(branches: 2)
        proxy.request("INVITE")
        proxy.reply(180, from: 0)
        proxy.reply(180, from: 1)
        _ = proxy.take()
        proxy.reply(200, from: 1)
        #expect(Set(proxy.take()) == ["caller 200", "one CANCEL"])
        proxy.reply(200, from: 0)
        #expect(proxy.take() == ["caller 200"], "RFC 3261 §16.7 item 5: every 2xx at once")
        proxy.expectEnd()
    }

    @Test func answerOfABranchThatWasGivenUpStillReachesTheCaller() {
        let proxy = Proxy(branches: 2)
        proxy.request("INVITE")
        proxy.reply(200, from: 1)
        #expect(proxy.take() == ["one INVITE", "two INVITE", "caller 200"], "no CANCEL before a provisional response")
        proxy.reply(180, from: 0)
        #expect(proxy.take() == ["one CANCEL"], "held until now; the late 180 is not passed on")
        proxy.reply(487, from: 0)
        #expect(proxy.take() == ["one ACK"])
        proxy.expectEnd()
    }

    @Test func aSixHundredCancelsSiblingsAndWaitsForThem() {
        let proxy = Proxy(branches: 2)
        proxy.request("INVITE")
        proxy.reply(180, from: 1)
        _ = proxy.take()
        proxy.reply(603, from: 0)
        #expect(Set(proxy.take()) == ["one ACK", "two CANCEL"])
        proxy.reply(487, from: 1)
        #expect(proxy.take() == ["two ACK", "caller 603"])
        #expect(proxy.value("tm:6xx_transactions") == 1)
        proxy.expectEnd()
    }

    @Test func aSiblingThatAnswersDespiteASixHundredWins() {
        let proxy = Proxy(branches: 2)
        proxy.request("INVITE")
        proxy.reply(180, from: 1)
        proxy.reply(603, from: 0)
        _ = proxy.take()
        proxy.reply(200, from: 1)
        #expect(proxy.take() == ["caller 200"])
        proxy.expectEnd()
    }

    @Test(arguments: [(503, 500), (486, 486), (407, 407)])
    func refusalIsTranslatedAndAcknowledgedOnceEach(status: Int, upstream: Int) {
        let proxy = Proxy(branches: 1)
        proxy.request("INVITE")
        _ = proxy.take()
        proxy.reply(status, from: 0)
        #expect(proxy.take() == ["one ACK", "caller \(upstream)"])
        proxy.reply(status, from: 0)
        #expect(proxy.take() == ["one ACK"], "a repetition is acknowledged and absorbed")
        proxy.request("INVITE")
        #expect(proxy.take() == ["caller \(upstream)"], "the caller's repetition gets the answer again")
        proxy.request("ACK", toTag: "callee0")
        proxy.request("ACK", toTag: "callee0")
        #expect(proxy.take() == [])
        #expect(proxy.value("tm:\(upstream / 100)xx_transactions") == 1)
        proxy.expectEnd()
    }

    @Test func aReceived408GoesUpButALocalOneOfANonInviteDoesNot() {
        let proxy = Proxy(branches: 1)
        proxy.request("INVITE")
        proxy.reply(408, from: 0)
        #expect(proxy.take().last == "caller 408")
        proxy.request("OPTIONS", branch: "z9hG4bKo")
        _ = proxy.take()
        proxy.advance(60_000)
        #expect(!proxy.take().contains { $0.hasPrefix("caller") && $0 != "caller 408" }, "RFC 4320 §4.1")
        proxy.expectEnd()
    }

    @Test func aReceivedAnswerIsBetterThanATimeout() {
        let proxy = Proxy(branches: 2)
        proxy.request("INVITE")
        proxy.reply(480, from: 1)
        _ = proxy.take()
        proxy.advance(31_000)
        #expect(proxy.take().last { $0.hasPrefix("caller") } == "caller 480")
        proxy.expectEnd()
    }

    @Test func lateRepliesOfANonInviteAreAbsorbed() {
        let proxy = Proxy(branches: 1)
        proxy.request("OPTIONS")
        proxy.reply(200, from: 0)
        #expect(proxy.take() == ["one OPTIONS", "caller 200"])
        proxy.reply(200, from: 0)
        #expect(proxy.take() == [])
        proxy.request("OPTIONS")
        #expect(proxy.take() == ["caller 200"])
        #expect(proxy.value("tm:relayed_replies") == 1)
        #expect(proxy.value("tm:received_replies") == 2)
        proxy.expectEnd()
    }

    @Test func aSecondCancelIsAnsweredAndSentOnce() {
        let proxy = Proxy(branches: 1)
        proxy.request("INVITE")
        proxy.reply(180, from: 0)
        _ = proxy.take()
        proxy.request("CANCEL")
        proxy.request("CANCEL")
        #expect(proxy.take() == ["caller 200", "one CANCEL", "caller 200"])
        proxy.reply(487, from: 0)
        #expect(proxy.take() == ["one ACK", "caller 487"])
        proxy.request("ACK", toTag: "callee0")
        proxy.request("CANCEL")
        #expect(proxy.take() == ["caller 200"], "after the answer it has no effect (RFC 3261 §9.2)")
        proxy.expectEnd()
    }

    @Test func aCancelledBranchThatNeverAnswersIsGivenUp() {
        let proxy = Proxy(branches: 1)
        proxy.request("INVITE")
        proxy.reply(180, from: 0)
        proxy.request("CANCEL")
        _ = proxy.take()
        proxy.advance(40_000)
        #expect(proxy.take().contains("caller 487"), "RFC 3261 §9.1: 64·T1 after the CANCEL")
        proxy.expectEnd()
    }

    @Test func figuresAddUp() {
        let proxy = Proxy(branches: 2)
        proxy.request("INVITE")
        proxy.reply(180, from: 0)
        proxy.reply(180, from: 1)
        proxy.reply(486, from: 0)
        proxy.reply(200, from: 1)
        proxy.request("ACK", branch: "z9hG4bKb", toTag: "callee1")
        #expect(proxy.value("tm:UAS_transactions") == 1)
        #expect(proxy.value("tm:received_replies") == 4)
        #expect(proxy.value("tm:relayed_replies") == 3, "two 180s and the 200")
        #expect(proxy.value("tm:local_replies") == 0)
        #expect(proxy.value("tm:2xx_transactions") == 1)
        #expect(proxy.value("core:rcv_requests") == 2)
        #expect(proxy.value("core:rcv_replies") == 4)
        #expect(proxy.value("core:fwd_requests") == 1, "the ACK, without state")
        #expect(proxy.value("tm:inuse_transactions") == 1)
        proxy.expectEnd()
        #expect(proxy.value("tm:inuse_transactions") == 0)
    }
}
