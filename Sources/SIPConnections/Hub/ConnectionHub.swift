import Bytes
import CPlatform
import Glibc
package import Logging
import NIOCore
import NIOPosix
package import Reactor
import SIPMessage
package import SIPTransport
import Synchronization

/// All connections of a server: its NIO loops, its listeners, the table, and the SIP processes that take the messages.
///
/// Order at start: make it, `start`, `listen` for each address, set `receivers`, `accept`. Any thread may send from
/// then on; `stop` ends everything in bounded time.
package final class ConnectionHub: @unchecked Sendable {
    // @unchecked: everything that changes after the start is atomic or locked; the rest is set before `accept`.

    package let options: ConnectionOptions
    package let statistics: ConnectionStatistics
    package private(set) var listeners: [ListenSocket] = []
    /// The processes that take messages, in order of their places.
    package var receivers: [ConnectionReceiver] = []
    /// Called when a connection that was open has ended. On a NIO loop.
    package var onDisconnect: (@Sendable (Connection, CloseReason) -> Void)?
    let table = ConnectionTable()
    let logger: Logger
    private var group: MultiThreadedEventLoopGroup?
    private var serverChannels: [any Channel] = []
    /// What listeners have that differs from `options`, by their id.
    private var socketOptions: [Int: ConnectionOptions] = [:]
    private var sweepers: [ObjectIdentifier: LoopSweeper] = [:]
    private let directConnectionsMax: Int
    private let isStopping = Atomic<Bool>(false)
    private let nextReceiver = Atomic<Int>(0)
    /// Bytes that were handed to processes and not taken yet.
    private let bytesHanded = Atomic<Int>(0)

    package init(options: ConnectionOptions, statistics: Statistics, logger: Logger) {
        self.options = options
        directConnectionsMax = options.directConnectionsMax ?? Self.openFilesMax / 4
        self.statistics = ConnectionStatistics(statistics)
        self.logger = logger
        statistics.gauge(group: "tcp", name: "open_connections") { [table] in table.count }
        statistics.gauge(group: "net", name: "waiting_tcp") { [weak self] in
            self?.bytesHanded.load(ordering: .relaxed) ?? 0
        }
    }

    private static var openFilesMax: Int {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 0 }
        return Int(clamping: limit.rlim_cur)
    }

    // MARK: life

    /// Starts the NIO loops.
    package func start() {
        let count = options.loops > 0 ? options.loops : System.coreCount
        let group = MultiThreadedEventLoopGroup(numberOfThreads: count)
        self.group = group
        for loop in group.makeIterator() { sweepers[ObjectIdentifier(loop)] = LoopSweeper(loop: loop) }
    }

    /// Binds an address, with a type of service of its own where one is given. Nothing is accepted yet.
    @discardableResult
    package func listen(
        id: Int, request: ListenRequest, address: PeerAddress, typeOfService: Int? = nil
    ) throws(ListenError) -> ListenSocket {
        guard let group else { preconditionFailure("ConnectionHub.listen before start") }
        var options = options
        if let typeOfService { options.typeOfService = typeOfService }
        let (channel, bound) = try ConnectionBinding.bind(
            address, name: "\(request.transport.name):\(address)", group: group, options: options
        ) { [self] child, server in accept(child, on: server) }
        let socket = ListenSocket(
            id: id, transport: request.transport, address: bound, advertisedHost: request.advertisedHost,
            advertisedPort: request.advertisedPort, tag: request.tag)
        listeners.append(socket)
        if options != self.options { socketOptions[id] = options }
        serverChannels.append(channel)
        return socket
    }

    /// Begins to accept. `receivers` must be set.
    package func accept() {
        precondition(!receivers.isEmpty, "ConnectionHub.accept without receivers")
        for channel in serverChannels { channel.setOption(.autoRead, value: true).whenComplete { _ in } }
    }

    /// Closes everything and waits for the loops to end. Once.
    package func stop() {
        isStopping.store(true, ordering: .relaxed)
        try? group?.syncShutdownGracefully()
        group = nil
        serverChannels = []
        receivers = []
        onDisconnect = nil
    }

    // MARK: what management asks

    /// All connections, by number.
    package var connections: [Connection] { table.all.sorted { $0.id.number < $1.id.number } }

    /// Closes a connection when what waits has left; one that is still being made, once it is open. False: there is
    /// none.
    @discardableResult
    package func close(_ id: ConnectionID) -> Bool {
        guard let connection = table.find(id) else { return false }
        connection.state.withLock { $0.closesWhenSent = true }
        connection.withHandler { $0.closeWhenSent() }
        return true
    }

    // MARK: making connections

    /// A place among the receivers for a new connection: each in turn.
    func nextReceiverPlace() -> Int {
        let turn = nextReceiver.add(1, ordering: .relaxed).oldValue
        return receivers.isEmpty ? 0 : Int(UInt(bitPattern: turn) % UInt(receivers.count))
    }

    private func accept(_ channel: any Channel, on server: PeerAddress) -> EventLoopFuture<Void> {
        guard let peer = PeerAddress(channel.remoteAddress),
            let socket = listeners.first(where: { $0.address == server })
        else { return channel.eventLoop.makeFailedFuture(ChannelError.ioOnClosedChannel) }
        let connection = table.insertAccepted(from: peer, socket.transport, acceptedMax: options.acceptedMax) { id in
            Connection(
                id: id, socket: socket, peer: peer, isAccepted: true, loop: channel.eventLoop,
                receiver: nextReceiverPlace())
        }
        guard let connection else {
            statistics.add(statistics.refused)
            logger.warning("\(socket): a connection from \(peer) is refused: \(options.acceptedMax) are open")
            return channel.eventLoop.makeFailedFuture(ChannelError.ioOnClosedChannel)
        }
        statistics.add(statistics.accepted)
        do {
            try channel.pipeline.syncOperations.addHandler(ConnectionHandler(hub: self, connection: connection))
            return channel.eventLoop.makeSucceededVoidFuture()
        } catch {
            table.remove(connection)
            return channel.eventLoop.makeFailedFuture(error)
        }
    }

    /// Opens a connection that was just put into the table.
    func open(_ connection: Connection) {
        guard let address = connection.peer.forNIO else {
            return failed(connection, .connectFailed("\(connection.peer) is no address"))
        }
        let handler = ConnectionHandler(hub: self, connection: connection)
        let options = socketOptions[connection.socket.id] ?? options
        ConnectionBinding.connect(connection, to: address, options: options, handler: handler)
            .whenFailure { [self] error in
                let reason: CloseReason =
                    if case .connectTimeout = error as? ChannelError { .connectTimeout } else {
                        .connectFailed(Self.text(error))
                    }
                failed(connection, reason)
            }
    }

    private static func text(_ error: any Error) -> String {
        if let error = error as? IOError { return String(cString: strerror(error.errnoCode)) }
        return "\(error)"
    }

    /// The loop of a new connection.
    func nextLoop() -> (any EventLoop)? { isStopping.load(ordering: .relaxed) ? nil : group?.next() }

    // MARK: what handlers tell

    func opened(_ handler: ConnectionHandler) {
        sweepers[ObjectIdentifier(handler.connection.loop)]?.add(handler)
        if !handler.connection.isAccepted { statistics.add(statistics.opened) }
        logger.debug("connection \(handler.connection.id) \(handler.connection) is open")
    }

    /// A descriptor of a connection's socket beside the channel's, which stays good until we close it whatever becomes
    /// of the channel; -1 when there are too many, or no socket. On the connection's loop.
    func secondDescriptor(of channel: any Channel) -> Int32 {
        guard table.count <= directConnectionsMax else { return -1 }
        let copy = try? channel.pipeline.syncOperations.withUnsafeTransportIfAvailable(of: NIOBSDSocket.Handle.self) {
            fcntl($0, F_DUPFD_CLOEXEC, 0)
        }
        return max(-1, (copy ?? nil) ?? -1)
    }

    /// Requests take another connection from now on.
    func hide(_ connection: Connection) { table.hide(connection) }

    func closed(_ handler: ConnectionHandler, _ reason: CloseReason) {
        let connection = handler.connection
        sweepers[ObjectIdentifier(connection.loop)]?.remove(handler)
        end(connection, reason)
        statistics.add(statistics.closed)
        switch reason {
        case .idle: statistics.add(statistics.idleClosed)
        case .messageTime, .messageChunks: statistics.add(statistics.messageTimeouts)
        case .slowReader: statistics.add(statistics.slowReaders)
        default: break
        }
        if !isStopping.load(ordering: .relaxed) { onDisconnect?(connection, reason) }
    }

    private func failed(_ connection: Connection, _ reason: CloseReason) {
        statistics.add(statistics.connectFailures)
        end(connection, reason)
    }

    /// Takes a connection out of everything; who waits for it is told.
    private func end(_ connection: Connection, _ reason: CloseReason) {
        let left = connection.end()
        table.remove(connection)
        report(left, connection, reason)
        switch reason {
        case .peer, .idle, .asked, .shutdown:
            logger.debug("connection \(connection.id) \(connection) is closed: \(reason)")
        default:
            logger.info("connection \(connection.id) \(connection) is closed: \(reason)")
        }
    }

    /// Tells the senders that their messages did not leave.
    func report(_ outgoing: [Connection.Outgoing], _ connection: Connection, _ reason: CloseReason) {
        for one in outgoing {
            guard let sender = one.sender else { continue }
            statistics.add(statistics.sendFailures)
            sender.report(
                SendFailure(
                    code: reason.code, destination: connection.peer, socket: connection.socket,
                    payload: ByteString(one.bytes)))
        }
    }

    // MARK: receiving

    /// Hands a message to the SIP process of its connection. On the connection's loop.
    func deliver(_ handler: ConnectionHandler, _ bytes: [UInt8], fault: FramingFault?) {
        let connection = handler.connection
        let place = options.handlesInParallel ? nextReceiverPlace() : connection.receiver
        guard receivers.indices.contains(place) else { return }
        let receiver = receivers[place]
        if fault == nil { statistics.add(statistics.receivedMessages) }
        let message = InboundStreamMessage(
            bytes: bytes, source: connection.peer, socket: connection.socket, connection: connection.id,
            receivedNanoseconds: Int64(cplatform_wall_nanoseconds()), fault: fault)
        connection.handed.add(1, ordering: .relaxed)
        bytesHanded.add(bytes.count, ordering: .relaxed)
        let isTaken = receiver.process.reactor.submit(ConnectionSites.reading, as: .direct) { [self] in
            bytesHanded.subtract(message.bytes.count, ordering: .relaxed)
            receiver.handler(message)
            handled(connection)
        }
        guard !isTaken else { return }
        bytesHanded.subtract(bytes.count, ordering: .relaxed)
        handler.close(.error("the process \(receiver.process.description) takes no more"))
    }

    /// A process has handled a message: what it answered at once is queued. On its thread.
    private func handled(_ connection: Connection) {
        let left = connection.handed.subtract(1, ordering: .sequentiallyConsistent).newValue
        if left <= options.handedMessagesMax / 2, connection.isPaused.load(ordering: .sequentiallyConsistent) {
            connection.withHandler { $0.resume() }
        }
        if left == 0, connection.isStopping.load(ordering: .sequentiallyConsistent) {
            connection.withHandler { $0.deliverFault() }
        }
    }
}

/// A SIP process that takes messages from connections.
package struct ConnectionReceiver: Sendable {
    package let process: ReactorProcess
    /// Runs on the process's thread, inside its session.
    package let handler: @Sendable (InboundStreamMessage) -> Void

    package init(process: ReactorProcess, handler: @escaping @Sendable (InboundStreamMessage) -> Void) {
        self.process = process
        self.handler = handler
    }
}
