import Glibc
import Profiling
import Reactor
import Testing

@testable import SIPTransport

/// What a socket that was full leaves in the ring once it takes datagrams again.
///
/// The kernel gives a datagram on loopback to its reader at once, so no server on loopback meets a full socket: the moment at which
/// the sender asks for room is made by hand.
struct UDPQueueRecordTests {
    private let profiler = Profiler()
    private let consumer = Consumer(name: "test")
    private let statistics = Statistics()
    private let table: ProcessTable

    init() {
        table = ProcessTable(profiler: profiler, statistics: statistics)
        profiler.attach(consumer, wants: .sip)
    }

    /// By a receiver of the listener, and by a process that only sends on it.
    @Test(arguments: [true, false], [Level.off, .stack])
    func aSocketThatTakesDatagramsAgainIsASession(reads: Bool, level: Level) throws {
        let request = ListenRequest(transport: .udp, host: "127.0.0.1", port: 0)
        let address = try #require(try Interfaces.expand(request).first)
        let listener = try UDPListener.open(
            id: 0, request: request, address: address, receivers: 1, options: UDPOptions())
        let process = try table.make(description: "SIP receiver", kind: .udp)
        profiler.setLevel(level)
        let transport = try UDPTransport(
            process: process, listeners: [listener], reading: reads ? [(listener, 0)] : [],
            statistics: UDPStatistics(statistics), onDatagram: { _ in }, onFailure: { _ in })
        defer { transport.stop() }
        transport.waitForRoom(0, listener.descriptors[0])
        process.reactor.runOnce()
        process.reactor.runOnce()
        profiler.collect()
        let records = consumer.take().map { "\($0.verb.word) \($0.name) \($0.line ?? 0)" }
        let expected = [
            "start SIP receiver 0", "enter udp send queue 351", "exit udp send queue 353", "end SIP receiver 0",
        ]
        #expect(records == (level == .off ? [] : expected))
    }
}
