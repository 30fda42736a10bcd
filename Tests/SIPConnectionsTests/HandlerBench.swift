import Logging
import NIOCore
import NIOEmbedded
import Reactor
import SIPTransport
import Synchronization
import Testing

@testable import SIPConnections

/// A connection on an embedded channel, its messages taken by processes that are driven by hand.
final class HandlerBench: @unchecked Sendable {
    // @unchecked: everything here runs on the test's thread.

    let processes: [ReactorProcess]
    let hub: ConnectionHub
    let loop = EmbeddedEventLoop()
    let channel: EmbeddedChannel
    let connection: Connection
    let handler: ConnectionHandler
    let taken = Mutex<[InboundStreamMessage]>([])
    let failures = Mutex<[SendFailure]>([])

    init(
        _ options: ConnectionOptions = ConnectionOptions(), processes count: Int = 1, isOpen: Bool = true
    ) throws {
        let statistics = Statistics()
        let processTable = ProcessTable(profiler: nil, statistics: statistics)
        processes = try (0..<count).map { _ in try processTable.make(description: "test", kind: .tcp) }
        hub = ConnectionHub(options: options, statistics: statistics, logger: Logger(label: "test"))
        let socket = ListenSocket(id: 0, transport: .tcp, address: PeerAddress(127, 0, 0, 1, port: 5060))
        let peer = PeerAddress(192, 0, 2, 1, port: 40000)
        let loop = loop
        connection = try #require(
            hub.table.insertAccepted(from: peer, .tcp, acceptedMax: 1) { id in
                Connection(id: id, socket: socket, peer: peer, isAccepted: true, loop: loop, receiver: 0)
            })
        handler = ConnectionHandler(hub: hub, connection: connection)
        channel = EmbeddedChannel(loop: loop)
        hub.receivers = processes.map { process in
            ConnectionReceiver(process: process) { [unowned self] message in
                taken.withLock { $0.append(message) }
            }
        }
        try channel.pipeline.syncOperations.addHandler(handler)
        if isOpen { try open() }
    }

    func open() throws {
        channel.connect(to: try NIOCore.SocketAddress(ipAddress: "192.0.2.1", port: 40000), promise: nil)
        loop.run()
    }

    var process: ReactorProcess { processes[0] }

    var port: ConnectionPort {
        ConnectionPort(hub: hub, process: process) { [unowned self] failure in
            failures.withLock { $0.append(failure) }
        }
    }

    func receive(_ text: String) throws { try channel.writeInbound(ByteBuffer(string: text)) }

    /// What was sent since the last call.
    func sent() throws -> String {
        loop.run()
        var text = ""
        while let buffer = try channel.readOutbound(as: ByteBuffer.self) { text += String(buffer: buffer) }
        return text
    }

    /// The peer says that it sends no more.
    func endInput() {
        channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
        loop.run()
    }

    /// What the first process has taken by now.
    func takenTexts() -> [String] {
        process.reactor.runOnce()
        return taken.withLock { all in all.map { String(decoding: $0.bytes, as: UTF8.self) } }
    }
}
