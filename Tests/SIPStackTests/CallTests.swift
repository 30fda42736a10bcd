import Bytes
import Reactor
import SIPMessage
import SIPStack
import SIPTransaction
import Testing

@Suite struct CallTests {
    /// Everything that was begun has ended: longer than any timer of the stack.
    private func settle(_ network: SimulatedNetwork, _ server: TestServer) {
        network.run(milliseconds: 400_000)
        #expect(server.stack.transactionCount == 0)
        for worker in server.workers { #expect(worker.timersWaiting == 0) }
        #expect(server.value("tm:inuse_transactions") == 0)
    }

    @Test func callWithoutLoss() {
        let network = SimulatedNetwork(seed: 1)
        let server = TestServer(network)
        let callee = TestCallee(network, number: 1)
        server.route = { message in message.method == .bye ? [[callee.address]] : [[callee.address]] }
        let caller = TestCaller(network, number: 1)
        caller.start()
        network.run(milliseconds: 3_000)
        #expect(caller.state == .done)
        #expect(caller.statuses == [100, 180, 200])
        #expect(caller.byeStatus == 200)
        #expect(callee.invites == 1)
        #expect(callee.acks == 1)
        // INVITE 100 180 200 ACK BYE 200, each over two hops but the 100.
        #expect(network.sent == 13)
        #expect(server.answered == [200, 200])
        #expect(server.value("tm:UAS_transactions") == 2)
        #expect(server.value("tm:2xx_transactions") == 2)
        #expect(server.value("tm:relayed_replies") == 3)
        settle(network, server)
    }

    @Test(arguments: 1...12)
    func callsUnderLossDelayAndReordering(seed: Int) {
        let faults = SimulatedNetwork.Faults(loss: 100, duplication: 100, delay: 1...300)
        let network = SimulatedNetwork(seed: UInt64(seed), faults: faults)
        let server = TestServer(network, workers: 4)
        let callee = TestCallee(network, number: 1)
        server.route = { _ in [[callee.address]] }
        let callers = (1...20).map { TestCaller(network, number: $0) }
        for caller in callers { network.schedule(after: caller.number * 37) { caller.start() } }
        network.run(milliseconds: 64_000)
        for caller in callers {
            #expect(caller.status == 200, "caller \(caller.number): \(caller.statuses)")
            #expect(caller.state == .done, "caller \(caller.number)")
        }
        #expect(callee.invites == 20, "a repeated INVITE may not become a second branch")
        settle(network, server)
    }

    @Test(arguments: 1...12)
    func cancelledCallsEnd(seed: Int) {
        let faults = SimulatedNetwork.Faults(loss: 80, duplication: 80, delay: 1...200)
        let network = SimulatedNetwork(seed: UInt64(seed), faults: faults)
        let server = TestServer(network, workers: 3)
        let callee = TestCallee(network, number: 1, .init(provisional: 180, final: nil))
        server.route = { _ in [[callee.address]] }
        let callers = (1...10).map { TestCaller(network, number: $0) }
        for caller in callers {
            caller.cancelsAfter = 50 + caller.number * 100
            caller.start()
        }
        network.run(milliseconds: 64_000)
        for caller in callers {
            #expect(caller.status == 487, "caller \(caller.number): \(caller.statuses)")
        }
        settle(network, server)
    }

    @Test func cancelBeforeProvisionalIsHeld() {
        let network = SimulatedNetwork(seed: 3)
        let server = TestServer(network)
        let callee = TestCallee(network, number: 1, .init(provisional: nil, final: 200, ringsFor: 3_000))
        server.route = { _ in [[callee.address]] }
        let caller = TestCaller(network, number: 1)
        caller.cancelsAfter = 100
        caller.start()
        network.run(milliseconds: 2_000)
        #expect(callee.cancels == 0, "RFC 3261 §9.1: no CANCEL before a provisional response")
        network.run(milliseconds: 10_000)
        #expect(caller.status == 200, "the answer overtook the CANCEL")
        settle(network, server)
    }

    @Test func unreachableCalleeTimesOut() {
        let network = SimulatedNetwork(seed: 4)
        let server = TestServer(network, configure: { $0.settings.finalResponse = 5_000 })
        server.route = { _ in [[SocketAddress(10, 9, 9, 9, port: 5060)]] }
        let caller = TestCaller(network, number: 1)
        caller.start()
        network.run(milliseconds: 6_000)
        #expect(caller.statuses == [100, 408])
        #expect(server.value("tm:timeout_finalresponse") == 1)
        #expect(server.value("tm:retransmission_req_T1_1") == 1)
        settle(network, server)
    }

    @Test func ringingCalleeIsCancelledByTimerC() {
        let network = SimulatedNetwork(seed: 5)
        let server = TestServer(network, configure: { $0.settings.finalInviteResponse = 8_000 })
        let callee = TestCallee(network, number: 1, .init(provisional: 180, final: nil))
        server.route = { _ in [[callee.address]] }
        let caller = TestCaller(network, number: 1)
        caller.start()
        network.run(milliseconds: 10_000)
        #expect(caller.statuses == [100, 180, 408])
        #expect(callee.cancels == 1)
        #expect(callee.acks == 1, "the 487 to the CANCEL is acknowledged here")
        settle(network, server)
    }

    @Test func parallelForkCancelsTheOthers() {
        let network = SimulatedNetwork(seed: 6)
        let server = TestServer(network)
        let first = TestCallee(network, number: 1, .init(final: nil))
        let second = TestCallee(network, number: 2, .init(final: 200, ringsFor: 50))
        let third = TestCallee(network, number: 3, .init(final: 486, ringsFor: 20))
        server.route = { message in
            message.method == .invite ? [[first.address], [second.address], [third.address]] : [[second.address]]
        }
        let caller = TestCaller(network, number: 1)
        caller.start()
        network.run(milliseconds: 5_000)
        #expect(caller.state == .done)
        #expect(first.cancels == 1)
        #expect(second.cancels == 0)
        #expect(third.cancels == 0)
        #expect(third.acks == 1)
        settle(network, server)
    }

    @Test func bestResponseAndMergedChallenges() {
        let network = SimulatedNetwork(seed: 7)
        let server = TestServer(network)
        let first = TestCallee(
            network, number: 1, .init(final: 407, extraHeaders: "Proxy-Authenticate: Digest realm=\"a\"\r\n"))
        let second = TestCallee(
            network, number: 2, .init(final: 401, extraHeaders: "WWW-Authenticate: Digest realm=\"b\"\r\n"))
        server.route = { _ in [[first.address], [second.address]] }
        let caller = TestCaller(network, number: 1)
        caller.start()
        network.run(milliseconds: 5_000)
        #expect(caller.status == 407)
        let final = network.log.last { $0.to == caller.address && $0.text.hasPrefix("SIP/2.0 407") }
        #expect(final?.text.contains("realm=\"a\"") == true)
        #expect(final?.text.contains("realm=\"b\"") == true)
        settle(network, server)
    }

    @Test func failureHookStartsAnotherBranch() {
        let network = SimulatedNetwork(seed: 8)
        let server = TestServer(network)
        let busy = TestCallee(network, number: 1, .init(final: 486))
        let voicemail = TestCallee(network, number: 2)
        server.route = { message in message.method == .invite ? [[busy.address]] : [[voicemail.address]] }
        var seen: [Int] = []
        server.onFailure = { transaction, best, worker in
            seen.append(best.status)
            guard seen.count == 1 else { return }
            #expect(worker.relay(transaction, [TestServer.branch(to: [voicemail.address])]) == .sent)
        }
        let caller = TestCaller(network, number: 1)
        caller.start()
        network.run(milliseconds: 5_000)
        #expect(seen == [486])
        #expect(caller.statuses == [100, 180, 180, 200])
        #expect(caller.state == .done)
        settle(network, server)
    }

    @Test func failureHookMayAnswerItself() {
        let network = SimulatedNetwork(seed: 9)
        let server = TestServer(network)
        let busy = TestCallee(network, number: 1, .init(final: 486))
        server.route = { _ in [[busy.address]] }
        server.onFailure = { transaction, _, worker in
            #expect(worker.reply(transaction, status: 480, reason: "Come back later"))
        }
        let caller = TestCaller(network, number: 1)
        caller.start()
        network.run(milliseconds: 5_000)
        #expect(caller.statuses == [100, 180, 480])
        settle(network, server)
    }

    @Test func deadAddressFailsOverToTheNext() {
        let network = SimulatedNetwork(seed: 10)
        let server = TestServer(network, configure: { $0.settings.finalResponse = 2_000 })
        let dead = SocketAddress(10, 9, 9, 9, port: 5060)
        let overloaded = TestCallee(network, number: 1, .init(provisional: nil, final: 503))
        let alive = TestCallee(network, number: 2)
        server.route = { message in
            message.method == .invite ? [[dead, overloaded.address, alive.address]] : [[alive.address]]
        }
        let caller = TestCaller(network, number: 1)
        caller.start()
        network.run(milliseconds: 10_000)
        #expect(caller.state == .done)
        #expect(overloaded.invites == 1)
        #expect(overloaded.acks == 1)
        #expect(alive.invites == 1)
        settle(network, server)
    }

    @Test func serviceUnavailableIsNotPassedOn() {
        let network = SimulatedNetwork(seed: 11)
        let server = TestServer(network)
        let overloaded = TestCallee(network, number: 1, .init(final: 503))
        server.route = { _ in [[overloaded.address]] }
        let caller = TestCaller(network, number: 1)
        caller.start()
        network.run(milliseconds: 5_000)
        #expect(caller.status == 500, "RFC 3261 §16.7 item 6")
        settle(network, server)
    }

    @Test func replyHookMayDropProvisionalReplies() {
        let network = SimulatedNetwork(seed: 12)
        let server = TestServer(network)
        let callee = TestCallee(network, number: 1)
        server.route = { _ in [[callee.address]] }
        server.onReply = { reply in ReplyVerdict(isDropped: reply.message.statusCode == 180) }
        let caller = TestCaller(network, number: 1)
        caller.start()
        network.run(milliseconds: 5_000)
        #expect(caller.statuses == [100, 200])
        settle(network, server)
    }

    @Test func transactionThatNobodyAnswersIsGivenUp() {
        let network = SimulatedNetwork(seed: 13)
        let server = TestServer(
            network,
            hooks: { hooks in
                hooks.request = { request, worker in
                    if request.message.method == .invite { _ = worker.makeTransaction(for: request) }
                }
            })
        let caller = TestCaller(network, number: 1)
        caller.start()
        network.run(milliseconds: 100_000)
        #expect(server.stack.transactionCount == 1)
        network.run(milliseconds: 30_000)
        #expect(caller.statuses.last == 408)
        settle(network, server)
    }

    @Test func transactionsAreLimited() {
        let network = SimulatedNetwork(seed: 14)
        let server = TestServer(network, configure: { $0.transactionsMax = 3 })
        let callee = TestCallee(network, number: 1, .init(final: nil))
        server.route = { _ in [[callee.address]] }
        let callers = (1...5).map { TestCaller(network, number: $0) }
        for caller in callers { caller.start() }
        network.run(milliseconds: 1_000)
        #expect(server.stack.transactionCount == 3)
        #expect(callers.filter { $0.status == 503 }.count == 2)
        settle(network, server)
    }
}
