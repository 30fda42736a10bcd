import SIPMessage
import SIPTransport
import Synchronization
import Testing

@testable import SIPConnections

/// A connection on an embedded channel, its messages taken by a process that is driven by hand.
@Suite struct ConnectionHandlerTests {
    private static let message = "OPTIONS sip:a@b SIP/2.0\r\nContent-Length: 0\r\n\r\n"

    @Test func handsWholeMessagesToTheProcess() throws {
        let bench = try HandlerBench()
        try bench.receive(Self.message + Self.message.prefix(20))
        #expect(bench.takenTexts() == [Self.message])
        try bench.receive(String(Self.message.dropFirst(20)))
        #expect(bench.takenTexts() == [Self.message, Self.message])
        #expect(bench.taken.withLock { $0.allSatisfy { $0.connection == bench.connection.id && $0.fault == nil } })
    }

    @Test func sendsInOrderAndAnswersPings() throws {
        let bench = try HandlerBench()
        var destination = Destination(transport: .tcp, address: bench.connection.peer, connection: bench.connection.id)
        #expect(bench.port.send(Array("one".utf8), to: destination))
        destination.connection = .none
        destination.reusesOnly = true
        #expect(bench.port.send(Array("two".utf8), to: destination))
        #expect(try bench.sent() == "onetwo")
        try bench.receive("\r\n\r\n")
        #expect(try bench.sent() == "\r\n")
        destination.address.port = 1
        #expect(!bench.port.send(Array("three".utf8), to: destination), "nothing leads there")
    }

    @Test func aFaultIsAnsweredBeforeTheEnd() throws {
        let bench = try HandlerBench()
        try bench.receive("OPTIONS sip:a@b SIP/2.0\r\nVia: x\r\n\r\n" + Self.message)
        #expect(bench.takenTexts().count == 1, "what comes behind the fault is not read")
        #expect(bench.taken.withLock { $0.first?.fault } == .lengthMissing)
        #expect(bench.channel.isActive)
        #expect(bench.port.close(bench.connection.id))
        bench.loop.run()
    }

    @Test func garbageEndsItAtOnce() throws {
        let bench = try HandlerBench()
        let ended = Mutex<CloseReason?>(nil)
        bench.hub.onDisconnect = { _, reason in ended.withLock { $0 = reason } }
        try bench.receive("rubbish\r\n")
        bench.loop.run()
        #expect(!bench.channel.isActive)
        #expect(ended.withLock { $0 } == .framing(.notSIP))
        #expect(bench.hub.connections.isEmpty)
    }

    @Test func whatTakesTooLongEndsIt() throws {
        var options = ConnectionOptions()
        options.messageMilliseconds = 100
        options.lifetimeMilliseconds = 1000
        // Where nothing may be late yet, by the time before: this thread may stand still after it.
        var began = Connection.now
        let bench = try HandlerBench(options)
        bench.handler.check(began + 500)
        #expect(bench.channel.isActive)
        began = Connection.now
        try bench.receive(String(Self.message.prefix(20)))
        bench.handler.check(began + 50)
        #expect(bench.channel.isActive)
        bench.handler.check(Connection.now + 500)
        #expect(!bench.channel.isActive)

        let idle = try HandlerBench(options)
        began = Connection.now
        idle.port.keep(idle.connection.id, seconds: 5)
        idle.handler.check(began + 4_000)
        #expect(idle.channel.isActive, "kept for the life of a registration")
        idle.handler.check(Connection.now + 6_000)
        #expect(!idle.channel.isActive)
    }

    @Test func piecesAreCounted() throws {
        var options = ConnectionOptions()
        options.messageChunksMax = 3
        let bench = try HandlerBench(options)
        for piece in 0..<3 { try bench.receive(String(Self.message.dropFirst(piece * 5).prefix(5))) }
        #expect(bench.channel.isActive)
        try bench.receive("x")
        #expect(!bench.channel.isActive)
    }

    @Test func whatDidNotLeaveIsReported() throws {
        let bench = try HandlerBench()
        bench.channel.isWritable = false
        let destination = Destination(transport: .tcp, address: bench.connection.peer, connection: bench.connection.id)
        let port = bench.port
        #expect(port.send(Array("lost".utf8), to: destination))
        bench.loop.run()
        bench.handler.close(.slowReader)
        bench.loop.run()
        bench.process.reactor.runOnce()
        #expect(bench.failures.withLock { $0.map(\.payload.string) } == ["lost"])
    }

    @Test func readingPausesWhileTheProcessIsBehind() throws {
        var options = ConnectionOptions()
        options.handedMessagesMax = 4
        let bench = try HandlerBench(options)
        try bench.receive(String(repeating: Self.message, count: 5))
        let wasPaused = bench.connection.isPaused.load(ordering: .relaxed)
        #expect(wasPaused)
        #expect(bench.takenTexts().count == 5)
        bench.loop.run()
        let isPaused = bench.connection.isPaused.load(ordering: .relaxed)
        #expect(!isPaused)
    }
}
