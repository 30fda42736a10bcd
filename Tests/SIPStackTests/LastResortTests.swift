import Bytes
import Reactor
import SIPMessage
import SIPTransaction
import SIPTransport
import Testing

@testable import SIPStack

/// Branches that can't be written, failovers, and what brings every transaction to an end.
@Suite struct LastResortTests {
    private static let nowhere = SocketAddress(10, 9, 9, 9, port: 5060)

    private func settle(_ network: SimulatedNetwork, _ server: TestServer) {
        network.run(milliseconds: 400_000)
        #expect(server.stack.transactionCount == 0)
        for worker in server.workers { #expect(worker.timersWaiting == 0) }
    }

    /// A server that has no listener for what goes to `nowhere`.
    private func makeServer(
        _ network: SimulatedNetwork, configure: (inout StackConfiguration) -> Void = { _ in },
        hooks: (inout StackHooks) -> Void = { _ in }
    ) -> TestServer {
        let server = TestServer(network, configure: configure, hooks: hooks)
        server.adjust = { branch in
            for index in branch.destinations.indices where branch.destinations[index].address == Self.nowhere {
                branch.destinations[index].transport = .tcp
            }
        }
        return server
    }

    struct Fork: CustomTestStringConvertible {
        /// nil: a branch without a listener.
        let finals: [Int?]
        var groups: [UInt8] = []
        let status: Int
        var testDescription: String { "\(finals) \(groups)" }
    }

    /// RFC 3261 §16.9: what can't be sent counts as 503, and the others go on.
    @Test(arguments: [
        Fork(finals: [nil, 200], status: 200), Fork(finals: [200, nil], status: 200),
        Fork(finals: [nil, 486], status: 486), Fork(finals: [nil, 486, nil, 404], status: 486),
        Fork(finals: [nil, 200], groups: [0, 1], status: 200),
        Fork(finals: [486, nil, 200], groups: [0, 1, 2], status: 200),
        Fork(finals: [nil, nil], status: 500), Fork(finals: [nil, nil], groups: [0, 1], status: 500),
    ])
    func branchesWithoutAListenerDoNotSilenceTheOthers(fork: Fork) {
        let network = SimulatedNetwork(seed: 21)
        let server = makeServer(network)
        let callees = fork.finals.enumerated().map { index, final in
            final.map { TestCallee(network, number: index + 1, .init(final: $0)) }
        }
        let adjust = server.adjust
        var place = 0
        server.adjust = { branch in
            adjust(&branch)
            if !fork.groups.isEmpty { branch.group = fork.groups[place % fork.groups.count] }
            place += 1
        }
        server.route = { message in
            guard message.method == .invite else { return callees.compactMap { $0.map { [$0.address] } } }
            return callees.map { [$0?.address ?? Self.nowhere] }
        }
        let caller = TestCaller(network, number: 1)
        caller.start()
        network.run(milliseconds: 20_000)
        #expect(caller.status == fork.status)
        settle(network, server)
    }

    @Test func aForkWithABranchWithoutAListenerIsCancelled() {
        let network = SimulatedNetwork(seed: 22)
        let server = makeServer(network)
        let callee = TestCallee(network, number: 1, .init(final: nil))
        server.route = { _ in [[Self.nowhere], [callee.address]] }
        let caller = TestCaller(network, number: 1)
        caller.cancelsAfter = 500
        caller.start()
        network.run(milliseconds: 5_000)
        #expect(caller.status == 487)
        #expect(callee.cancels == 1)
        settle(network, server)
    }

    /// A failure route whose relay could not be sent still decides.
    @Test func theBestAnswerGoesUpWhenTheNextCanNotBeSent() {
        let network = SimulatedNetwork(seed: 23)
        let server = makeServer(network)
        let busy = TestCallee(network, number: 1, .init(final: 486))
        server.route = { _ in [[busy.address]] }
        server.onFailure = { transaction, _, worker in
            var branch = TestServer.branch(to: [Self.nowhere])
            server.adjust(&branch)
            #expect(worker.relay(transaction, [branch]) == .failed)
        }
        let caller = TestCaller(network, number: 1)
        caller.start()
        network.run(milliseconds: 3_000)
        #expect(caller.statuses == [100, 180, 486])
        #expect(server.failed == [486])
        settle(network, server)
    }

    /// The end of one failure route does not decide for another that still waits.
    @Test func eachFailureDecidesForItself() throws {
        let network = SimulatedNetwork(seed: 24)
        let waiting = Waiting()
        let server = makeServer(network, configure: { _ in }) { hooks in
            hooks.failure = { _, _, _, next in waiting.failures.append(next) }
        }
        let callees = [486, 480, 200].enumerated().map { TestCallee(network, number: $0 + 1, .init(final: $1)) }
        server.onFailure = { _, _, _ in }
        server.route = { message in [[message.method == .invite ? callees[0].address : callees[2].address]] }
        let caller = TestCaller(network, number: 1)
        caller.start()
        network.run(milliseconds: 1_000)
        #expect(waiting.failures.count == 1)
        let transaction = try #require(server.stack.inviteTransaction(callID: "call1@test", cseq: 1))
        #expect(server.workers[0].relay(transaction, [TestServer.branch(to: [callees[1].address])]) == .sent)
        network.run(milliseconds: 1_000)
        #expect(waiting.failures.count == 2)
        waiting.failures[0]()
        network.run(milliseconds: 1_000)
        #expect(caller.status == 0, "the second route has not said anything")
        #expect(server.workers[0].relay(transaction, [TestServer.branch(to: [callees[2].address])]) == .sent)
        waiting.failures[1]()
        network.run(milliseconds: 3_000)
        #expect(caller.status == 200)
        #expect(server.failed == [486, 480])
        settle(network, server)
    }

    private final class Waiting: @unchecked Sendable {
        // @unchecked: the simulated network is one thread.
        var failures: [() -> Void] = []
    }

    /// Whoever was asked and never says anything does not keep the transaction for ever.
    @Test(arguments: ["failure", "reply", "local"])
    func whoNeverGoesOnIsNotWaitedForForEver(hook: String) {
        let network = SimulatedNetwork(seed: 25)
        let server = makeServer(network, configure: { $0.settings.finalInviteResponse = 20_000 }) { hooks in
            if hook == "failure" { hooks.failure = { _, _, _, _ in } }
            if hook == "reply" { hooks.reply = { _, _, _ in } }
            if hook == "local" { hooks.localRequest = { _, _, _, _ in } }
        }
        let busy = TestCallee(network, number: 1, .init(provisional: nil, final: 486))
        server.route = { _ in [[busy.address]] }
        if hook == "failure" { server.onFailure = { _, _, _ in } }
        if hook == "reply" { server.onReply = { _ in .pass } }
        guard hook == "local" else {
            let caller = TestCaller(network, number: 1)
            caller.start()
            network.run(milliseconds: 39_000)
            #expect(caller.status == 0)
            network.run(milliseconds: 2_000)
            #expect(caller.status == (hook == "failure" ? 486 : 408))
            return settle(network, server)
        }
        let answer = Answer()
        server.workers[0].send(
            LocalRequest(
                method: "OPTIONS", requestURI: ByteString("sip:a@\(busy.address)"), from: "<sip:b@c>", to: "<sip:a@b>")
        ) { _, status, _ in answer.status = status }
        #expect(server.stack.transactionCount == 1)
        settle(network, server)
        #expect(answer.status == 408)
    }

    private final class Answer: @unchecked Sendable { var status = 0 }

    /// RFC 3263 §4.3: the same request goes to the next address, by the same socket, with the same Via but for the branch.
    @Test func theNextAddressGetsTheSameRequest() throws {
        let network = SimulatedNetwork(seed: 26)
        let server = makeServer(network, configure: { $0.settings.finalResponse = 2_000 })
        let other = TestCallee(network, number: 1, .init(provisional: 180, final: nil))
        let overloaded = TestCallee(network, number: 2, .init(provisional: nil, final: 503))
        let alive = TestCallee(network, number: 3)
        let chosen = ListenSocket(id: 7, transport: .udp, address: SocketAddress(10, 0, 0, 7, port: 5070))
        server.adjust = { branch in
            branch.socket = chosen
            branch.viaHost = "198.51.100.9"
        }
        server.route = { message in
            message.method == .invite
                ? [[other.address], [overloaded.address, Self.nowhere, alive.address]] : [[alive.address]]
        }
        let caller = TestCaller(network, number: 1)
        caller.start()
        network.run(milliseconds: 5_000)
        #expect(caller.status == 200)
        let vias = try [overloaded, alive].map { callee in try #require(callee.requests.first?.topVia) }
        for via in vias {
            #expect(via.text.string.hasPrefix("SIP/2.0/UDP 198.51.100.9:5070;branch="))
        }
        let ids = vias.map { via in via.branch.flatMap { BranchID($0) } }
        #expect(ids[0]?.loop != nil && ids[0]?.loop == ids[1]?.loop)
        #expect(ids[0]?.index != ids[1]?.index)
        settle(network, server)
    }

    /// RFC 4320 §4.1: nothing is sent, but who watches is told.
    @Test func aRequestThatTimesOutIsTold() {
        let network = SimulatedNetwork(seed: 27)
        let server = makeServer(network, configure: { $0.settings.finalResponse = 3_000 })
        server.route = { _ in [[SocketAddress(10, 9, 9, 8, port: 5060)]] }
        let client = SocketAddress(10, 1, 0, 1, port: 5060)
        network.send(Self.message("one"), from: client, to: TestServer.address)
        settle(network, server)
        #expect(server.answered == [408])
        #expect(server.value("tm:4xx_transactions") == 1)
        #expect(!network.log.contains { $0.to == client })
    }

    private static func message(_ id: String) -> [UInt8] {
        Array(
            """
            MESSAGE sip:b@server SIP/2.0\r
            Via: SIP/2.0/UDP 10.1.0.1:5060;branch=z9hG4bK\(id)\r
            Max-Forwards: 70\r
            From: <sip:a@server>;tag=a\r
            To: <sip:b@server>\r
            Call-ID: \(id)\r
            CSeq: 1 MESSAGE\r
            Content-Length: 0\r
            \r

            """.utf8)
    }

    /// Deadlines far beyond the end of a transaction hold neither it nor, for long, memory of their own.
    @Test func endedTransactionsAreLetGo() {
        let network = SimulatedNetwork(seed: 28)
        let kept = Kept()
        let server = TestServer(network, workers: 1, configure: { _ in }) { hooks in
            hooks.request = { request, worker in
                guard case .created(let transaction) = worker.makeTransaction(for: request) else { return }
                if kept.transaction == nil { kept.transaction = transaction }
                worker.reply(transaction, status: 200, reason: "OK")
            }
        }
        let client = SocketAddress(10, 1, 0, 1, port: 5060)
        var most = 0
        for round in 0..<6 {
            for number in 0..<2_000 {
                server.workers[0].receive(
                    InboundDatagram(bytes: Self.message("\(round)x\(number)"), source: client, socket: server.socket))
            }
            most = max(most, server.workers[0].timersWaiting)
            network.run(milliseconds: 10_000)
            #expect(server.stack.transactionCount == 0)
            #expect(kept.transaction == nil)
        }
        #expect(
            most <= 3 * StackWorker.timersSweptMin, "24,000 deadlines were armed, those of 2,000 transactions count")
        settle(network, server)
    }

    private final class Kept: @unchecked Sendable { weak var transaction: Transaction? }
}
