import SIPTransport
import Synchronization
import Testing

@testable import SIPConnections

/// Ends that have to wait for something: for messages that are being handled, for answers, for the connection itself.
@Suite struct EndingTests {
    private static let message = "OPTIONS sip:a@b SIP/2.0\r\nContent-Length: 0\r\n\r\n"
    private static let broken = "OPTIONS sip:a@b SIP/2.0\r\nVia: x\r\n\r\n"

    private static func destination(_ bench: HandlerBench) -> Destination {
        var destination = Destination(transport: .tcp, address: bench.connection.peer, connection: bench.connection.id)
        destination.reusesOnly = true
        return destination
    }

    /// A message whose rest we do not read is not late, and has its time from when we read again.
    @Test func nothingIsLateWhileReadingPauses() throws {
        var options = ConnectionOptions()
        (options.handedMessagesMax, options.messageMilliseconds) = (4, 1000)
        let bench = try HandlerBench(options)
        try bench.receive(String(repeating: Self.message, count: 5) + Self.message.prefix(20))
        let began = Connection.now
        bench.handler.check(began + 60_000)
        #expect(bench.channel.isActive)
        #expect(bench.takenTexts().count == 5)
        let resumed = Connection.now
        bench.loop.run()
        bench.handler.check(resumed + 900)
        #expect(bench.channel.isActive, "it has its time again")
        bench.handler.check(Connection.now + 1100)
        #expect(!bench.channel.isActive)
    }

    /// A peer that sends no more is not given up while its messages wait for us.
    @Test func halfOpenTimeBeginsWhenAllIsHandled() throws {
        let bench = try HandlerBench()
        try bench.receive(Self.message)
        bench.endInput()
        let began = Connection.now
        bench.handler.check(began + 60_000)
        #expect(bench.channel.isActive)
        #expect(bench.takenTexts().count == 1)
        bench.handler.check(began + 63_000)
        #expect(bench.channel.isActive)
        bench.handler.check(began + 65_000)
        #expect(!bench.channel.isActive)
    }

    /// What is answered to a request that can't be framed leaves, also when the peer has said that it sends no more.
    @Test(arguments: ["", message + message]) func aFaultIsAnsweredToWhoSendsNoMore(before: String) throws {
        let bench = try HandlerBench()
        try bench.receive(before + Self.broken)
        bench.endInput()
        #expect(bench.channel.isActive)
        _ = bench.takenTexts()
        bench.loop.run()
        _ = bench.takenTexts()
        #expect(bench.taken.withLock { $0.last?.fault } == .lengthMissing)
        #expect(bench.port.send(Array("400".utf8), to: Self.destination(bench)))
        #expect(bench.port.close(bench.connection.id))
        #expect(try bench.sent() == "400")
        #expect(!bench.channel.isActive, "nobody is waited for")
    }

    /// A peer that ends in the midst of a message has the answers to those before.
    @Test func whoEndsInAMessageHasItsAnswers() throws {
        let bench = try HandlerBench()
        try bench.receive(Self.message + Self.message.prefix(20))
        bench.endInput()
        #expect(bench.takenTexts() == [Self.message])
        #expect(bench.port.send(Array("SIP/2.0 200 OK\r\n\r\n".utf8), to: Self.destination(bench)))
        #expect(try bench.sent() == "SIP/2.0 200 OK\r\n\r\n")
        #expect(!bench.channel.isActive)
    }

    /// Whoever is to answer a fault, and close, gets it when all processes have handled what came before.
    @Test(arguments: [false, true]) func aFaultWaitsForWhatIsInFrontOfIt(inParallel: Bool) throws {
        var options = ConnectionOptions()
        options.handlesInParallel = inParallel
        let bench = try HandlerBench(options, processes: 3)
        try bench.receive(Self.message + Self.message + Self.broken)
        func runAll() {
            for process in bench.processes.reversed() { process.reactor.runOnce() }
            bench.loop.run()
        }
        func faults() -> [Bool] { bench.taken.withLock { $0.map { $0.fault != nil } } }
        bench.processes[2].reactor.runOnce()
        #expect(faults().isEmpty, "the fault is not handed out yet")
        runAll()
        #expect(faults() == [false, false])
        runAll()
        #expect(faults() == [false, false, true])
    }

    /// A connection that is closed while it is being made sends what it was given and ends.
    @Test func closesBeforeItIsOpen() throws {
        let bench = try HandlerBench(isOpen: false)
        let ended = Mutex<CloseReason?>(nil)
        bench.hub.onDisconnect = { _, reason in ended.withLock { $0 = reason } }
        let port = bench.port
        #expect(port.send(Array("one".utf8), to: Self.destination(bench)))
        #expect(port.close(bench.connection.id))
        bench.loop.run()
        #expect(!port.send(Array("two".utf8), to: Self.destination(bench)), "nothing is taken any more")
        try bench.open()
        #expect(try bench.sent() == "one")
        #expect(!bench.channel.isActive)
        #expect(ended.withLock { $0 } == .asked)
    }
}
