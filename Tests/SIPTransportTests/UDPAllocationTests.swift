import AllocationCounting
import Bytes
import Glibc
import Profiling
import Reactor
import Testing

@testable import SIPTransport

/// A datagram costs one allocation, its bytes; sending one costs none.
struct UDPAllocationTests {
    @Test(.enabled(if: canCountAllocations)) func oneAllocationPerDatagram() throws {
        let statistics = Statistics()
        let process = try ProcessTable(profiler: nil, statistics: statistics).make(description: "r", kind: .udp)
        let request = ListenRequest(transport: .udp, host: "127.0.0.1", port: 0)
        let listener = try UDPListener.open(
            id: 0, request: request, address: SocketAddress(127, 0, 0, 1, port: 0), receivers: 1)
        let peer = TestSocket()
        let echo = Echo()
        let transport = try UDPTransport(
            process: process, listeners: [listener], reading: [(listener, 0)], statistics: UDPStatistics(statistics),
            onDatagram: { echo.take($0) }, onFailure: { _ in })
        echo.transport = transport
        let payload = [UInt8](repeating: 65, count: 500)
        func round() -> Int {
            for _ in 0..<16 { _ = peer.send(payload, to: listener.socket.address) }
            let expected = echo.count + 16
            return allocations { while echo.count < expected { process.reactor.runOnce() } }
        }
        for _ in 0..<10 { _ = round() }
        #expect(round() == 16)
        transport.stop()
    }
}

private final class Echo {
    var transport: UDPTransport?
    var count = 0
    func take(_ datagram: InboundDatagram) {
        count += 1
        transport?.send(datagram.bytes, to: datagram.source, from: datagram.socket)
    }
}
