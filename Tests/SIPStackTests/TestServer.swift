import Bytes
import Profiling
import Reactor
import SIPMessage
import SIPStack
import SIPTransaction
import SIPTransport

/// A stack with some workers on the simulated network. What a script would do is the `route` closure's.
final class TestServer: @unchecked Sendable {
    // @unchecked: the simulated network is one thread.

    static let address = SocketAddress(10, 0, 0, 1, port: 5060)

    let network: SimulatedNetwork
    let statistics = Statistics()
    private(set) var stack: Stack!
    private(set) var workers: [StackWorker] = []
    /// Where a new request goes: addresses by user part of the request URI, those of one element at once.
    var route: (Message) -> [[SocketAddress]] = { _ in [] }
    /// Called when all branches failed; true when it did something that makes the transaction go on.
    var onFailure: ((Transaction, BestResponse, StackWorker) -> Void)?
    var onReply: ((InboundReply) -> ReplyVerdict)?
    var answered: [Int] = []
    /// What all branches of a transaction came to, each time.
    var failed: [Int] = []
    /// What is done to each branch before it is relayed.
    var adjust: (inout OutgoingBranch) -> Void = { _ in }
    let socket = ListenSocket(id: 0, transport: .udp, address: TestServer.address)

    init(
        _ network: SimulatedNetwork, workers count: Int = 2, configure: (inout StackConfiguration) -> Void = { _ in },
        hooks: (inout StackHooks) -> Void = { _ in }
    ) {
        self.network = network
        var configuration = StackConfiguration()
        configure(&configuration)
        let box = ServerBox()
        var stackHooks = StackHooks { request, worker in box.server.handle(request, worker) }
        stackHooks.failure = { transaction, best, worker, next in
            box.server.onFailure?(transaction, best, worker)
            next()
        }
        stackHooks.reply = { reply, _, next in next(box.server.onReply?(reply) ?? .pass) }
        hooks(&stackHooks)
        stack = Stack(
            configuration: configuration, hooks: stackHooks, statistics: statistics, boot: 0x1234_5678, secret: 42)
        box.server = self
        for id in 0..<count {
            workers.append(makeWorker(id))
        }
        network.listeners[Self.address] = { [unowned self] bytes, source in
            let worker = workers[Int.random(in: 0..<workers.count, using: &self.network.generator)]
            worker.receive(InboundDatagram(bytes: bytes, source: source, socket: socket))
        }
    }

    private final class ServerBox: @unchecked Sendable { unowned var server: TestServer! }

    private func makeWorker(_ id: Int) -> StackWorker {
        let network = network
        let socket = socket
        var armed = 0
        let port = WorkerPort(
            now: { network.now },
            arm: { [unowned self] deadline in
                armed += 1
                let mine = armed
                network.schedule(after: max(0, deadline - network.now)) {
                    if mine == armed { self.workers[id].timerFired() }
                }
            },
            send: { bytes, destination in
                guard destination.transport == .udp else { return false }
                network.send(bytes, from: Self.address, to: destination.address)
                return true
            },
            socket: { _, transport in transport == .udp ? socket : nil },
            resolve: { _, completion in completion(.failure(.notFound("test"))) },
            immediate: { query in
                SocketAddress(host: query.host.string, port: query.port ?? 5060).map {
                    Destination(transport: query.transport ?? .udp, address: $0)
                }
            })
        return StackWorker(
            stack: stack, id: id, probe: .unattached(process: id), cells: statistics.makeCells(), port: port)
    }

    private final class Recorder: TransactionObserver, @unchecked Sendable {
        private unowned let server: TestServer

        init(_ server: TestServer) { self.server = server }

        func failed(_ transaction: Transaction, status: Int, response: Message?, _ worker: StackWorker) {
            server.failed.append(status)
        }

        func answered(_ transaction: Transaction, status: Int, response: Message?, _ worker: StackWorker) {
            server.answered.append(status)
        }
    }

    /// What a proxy's script does, without the script.
    private func handle(_ request: InboundRequest, _ worker: StackWorker) {
        switch worker.match(request) {
        case .retransmission(let transaction):
            worker.absorb(transaction)
        case .acknowledgement(let transaction):
            if !worker.absorbAck(transaction) { forward(request, worker) }
        case .cancel(let transaction):
            worker.cancel(transaction, with: request)
        case .none:
            switch request.message.method {
            case .ack: forward(request, worker)
            case .cancel: worker.replyStateless(request, status: 481, reason: "Call/Transaction Does Not Exist")
            default: relay(request, worker)
            }
        }
    }

    private func forward(_ request: InboundRequest, _ worker: StackWorker) {
        guard let destination = worker.locateNow(request.message.requestURI) else { return }
        worker.forwardStateless(
            request, edits: MessageEdits(), requestURI: request.message.requestURI, to: destination)
    }

    private func relay(_ request: InboundRequest, _ worker: StackWorker) {
        guard case .created(let transaction) = worker.makeTransaction(for: request) else { return }
        transaction.showsFailure = onFailure != nil
        transaction.showsReplies = onReply != nil
        transaction.observe(Recorder(self))
        var branches: [OutgoingBranch] = []
        for addresses in route(request.message) {
            var branch = Self.branch(to: addresses)
            adjust(&branch)
            branches.append(branch)
        }
        if branches.isEmpty {
            worker.reply(transaction, status: 404, reason: "Not Found")
        } else if worker.relay(transaction, branches) != .sent {
            worker.reply(transaction, status: 500, reason: "Relay failed")
        }
    }

    static func branch(to addresses: [SocketAddress]) -> OutgoingBranch {
        OutgoingBranch(
            requestURI: ByteString("sip:to@\(addresses[0])"),
            destinations: addresses.map { Destination(transport: .udp, address: $0) })
    }

    func value(_ name: String) -> Int { statistics.select(name).first?.value ?? -1 }
}
