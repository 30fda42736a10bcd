import Bytes
import Reactor
import SIPMessage
import SIPTransport
import Testing

@testable import SIPStack

/// Who answers a request itself learns of its CANCEL, whichever process reads it and however that falls together with the taking.
@Suite struct OwnerTests {
    private final class Owner: TransactionOwner, @unchecked Sendable {
        // @unchecked: the simulated network is one thread.
        var cancelled = 0
        func cancelled(_ transaction: Transaction, by request: InboundRequest?, _ worker: StackWorker) {
            cancelled += 1
            #expect(transaction.lock.withLock { transaction.fork.isCancelled })
        }
    }

    /// What happens to an INVITE, in this order.
    enum Deed { case made, madeWithOwner, adopted, refused, cancelled, answered }

    /// Deeds, how often the owner is told, what the caller gets.
    @Test(arguments: [
        ([Deed.made, .adopted, .cancelled], 1, 487), ([.made, .adopted, .cancelled, .cancelled], 1, 487),
        ([.madeWithOwner, .cancelled], 1, 487), ([.madeWithOwner, .refused, .cancelled], 1, 487),
        ([.made, .cancelled, .refused], 0, 487), ([.made, .adopted, .answered, .cancelled], 0, 200),
        ([.made, .answered, .refused], 0, 200),
    ])
    func ownersAreToldOfACancelOnce(deeds: [Deed], told: Int, status: Int) throws {
        let network = SimulatedNetwork(seed: 1)
        let server = TestServer(network)
        let worker = server.workers[0]
        let owner = Owner()
        let invite = try request(network, server)
        var made: Transaction?
        for deed in deeds {
            switch deed {
            case .made, .madeWithOwner:
                guard
                    case .created(let transaction) = worker.makeTransaction(
                        for: invite, owner: deed == .made ? nil : owner)
                else {
                    Issue.record("no transaction")
                    return
                }
                made = transaction
            case .adopted: #expect(worker.adopt(try #require(made), by: owner))
            case .refused: #expect(!worker.adopt(try #require(made), by: Owner()))
            case .cancelled: server.workers[1].cancelAll(try #require(made), by: invite)
            case .answered: worker.reply(try #require(made), status: 200, reason: "OK")
            }
        }
        #expect(owner.cancelled == told)
        #expect(made?.lastReplyStatus == status)
    }

    /// The CANCEL has been noted, its 487 has not gone out: nobody takes the INVITE any more, or it would be answered and asked on.
    @Test func whatIsBeingCancelledIsNotTaken() throws {
        final class Latecomer: TransactionObserver, @unchecked Sendable {
            var isTaken: Bool?
            func failed(_ transaction: Transaction, status: Int, response: Message?, _ worker: StackWorker) {
                isTaken = worker.adopt(transaction, by: Owner())
            }
        }
        let network = SimulatedNetwork(seed: 1)
        let server = TestServer(network)
        guard case .created(let transaction) = server.workers[0].makeTransaction(for: try request(network, server))
        else {
            Issue.record("no transaction")
            return
        }
        let latecomer = Latecomer()
        transaction.observe(latecomer)
        server.workers[1].cancelAll(transaction)
        #expect(latecomer.isTaken == false && transaction.lastReplyStatus == 487)
    }

    private func request(_ network: SimulatedNetwork, _ server: TestServer) throws -> InboundRequest {
        let source = SocketAddress(10, 1, 1, 1, port: 5060)
        let text = """
            INVITE sip:bob@10.0.0.1 SIP/2.0\r
            Via: SIP/2.0/UDP 10.1.1.1:5060;branch=z9hG4bKo\r
            From: <sip:alice@10.0.0.1>;tag=a\r
            To: <sip:bob@10.0.0.1>\r
            Call-ID: owned\r
            CSeq: 1 INVITE\r
            Content-Length: 0\r
            \r

            """
        return InboundRequest(message: try Message.parse(Array(text.utf8)), source: source, socket: server.socket)
    }
}
