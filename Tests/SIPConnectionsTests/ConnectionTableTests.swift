import NIOEmbedded
import Reactor
import SIPTransport
import Testing

@testable import SIPConnections

@Suite struct ConnectionTableTests {
    private let loop = EmbeddedEventLoop()
    private let peer = PeerAddress(192, 0, 2, 1, port: 40000)
    private let first = ListenSocket(id: 0, transport: .tcp, address: PeerAddress(127, 0, 0, 1, port: 5060))
    private let second = ListenSocket(id: 1, transport: .tcp, address: PeerAddress(127, 0, 0, 1, port: 5070))

    private let third = ListenSocket(id: 2, transport: .tcp, address: PeerAddress(127, 0, 0, 1, port: 5080))

    private func accept(_ table: ConnectionTable, port: UInt16, acceptedMax: Int = 10) -> Connection? {
        table.insertAccepted(from: peer.with(port: port), .tcp, acceptedMax: acceptedMax) { id in
            Connection(
                id: id, socket: first, peer: peer.with(port: port), isAccepted: true, loop: loop, receiver: 0)
        }
    }

    private func open(_ table: ConnectionTable, from socket: ListenSocket) -> ConnectionTable.Place {
        table.findOrMake(peer, socket: socket, openedMax: 2) { id in
            Connection(id: id, socket: socket, peer: peer, isAccepted: false, loop: loop, receiver: 0)
        }
    }

    @Test func findsByNumberAndAddress() throws {
        let table = ConnectionTable()
        let connection = try #require(accept(table, port: 1))
        #expect(table.find(connection.id) === connection)
        #expect(table.find(peer.with(port: 1), .tcp, socket: nil) === connection)
        #expect(table.find(peer.with(port: 1), .tls, socket: nil) == nil)
        #expect(table.find(.none) == nil)
        #expect(table.remove(connection))
        #expect(!table.remove(connection))
        #expect(table.find(connection.id) == nil)
        #expect(table.find(peer.with(port: 1), .tcp, socket: nil) == nil)
    }

    @Test func aliasesLeadToTheConnectionUntilItEnds() throws {
        let table = ConnectionTable()
        let connection = try #require(accept(table, port: 1))
        #expect(table.addAlias(connection, port: 5060, aliasesMax: 2))
        #expect(table.addAlias(connection, port: 5060, aliasesMax: 2))
        #expect(table.addAlias(connection, port: 5080, aliasesMax: 2))
        #expect(!table.addAlias(connection, port: 5090, aliasesMax: 2))
        #expect(connection.aliases == [5060, 5080])
        #expect(table.find(peer.with(port: 5060), .tcp, socket: nil) === connection)
        table.hide(connection)
        #expect(table.find(peer.with(port: 5060), .tcp, socket: nil) == nil)
        #expect(table.find(connection.id) === connection, "replies still go over it")
        // Half open: no alias brings it back among the routes.
        connection.state.withLock { $0.phase = .halfOpen }
        for port in [UInt16(1), 5060, 5070] {
            #expect(!table.addAlias(connection, port: port, aliasesMax: 3))
            #expect(table.find(peer.with(port: port), .tcp, socket: nil) == nil)
        }
        table.remove(connection)
        #expect(!table.addAlias(connection, port: 1, aliasesMax: 2))
    }

    @Test func acceptedAndOpenedHaveTheirLimits() throws {
        let table = ConnectionTable()
        let one = try #require(accept(table, port: 1, acceptedMax: 1))
        #expect(accept(table, port: 2, acceptedMax: 1) == nil)
        table.remove(one)
        #expect(accept(table, port: 2, acceptedMax: 1) != nil)
        guard case .made(let made) = open(table, from: first) else {
            Issue.record("none was made")
            return
        }
        guard case .found(let found) = open(table, from: first) else {
            Issue.record("none was found")
            return
        }
        #expect(found === made)
        guard case .made(let other) = open(table, from: second) else {
            Issue.record("another listener has a connection of its own")
            return
        }
        #expect(table.find(peer, .tcp, socket: first) === made)
        #expect(table.find(peer, .tcp, socket: second) === other)
        #expect(table.find(peer, .tcp, socket: nil) === other, "the newest")
        guard case .full = open(table, from: third) else {
            Issue.record("there may be two")
            return
        }
    }

    @Test func waitingBytesAreBounded() throws {
        let table = ConnectionTable()
        guard case .made(let connection) = open(table, from: first) else {
            Issue.record("none was made")
            return
        }
        var options = ConnectionOptions()
        options.queueBytesMax = 10
        options.queueMessagesMax = 3
        let small = Connection.Outgoing(bytes: [1, 2], sender: nil)
        let big = Connection.Outgoing(bytes: Array(repeating: 0, count: 9), sender: nil)
        #expect(connection.enqueue(small, options) == .taken)
        #expect(connection.enqueue(big, options) == .full)
        #expect(connection.enqueue(small, options) == .taken)
        #expect(connection.enqueue(small, options) == .taken)
        #expect(connection.enqueue(small, options) == .full)
        #expect(connection.bytesWaiting == 6)
        connection.state.withLock { $0.phase = .closed }
        #expect(connection.enqueue(small, options) == .closed)
    }
}
