import Reactor
import SIPTransport
import Testing

/// Which listener a route leads to, and how often the kernel is asked.
@Suite struct RoutedListenersTests {
    private static let listeners: [ListenSocket] = [
        socket(0, .udp, "10.0.0.1", 5060), socket(1, .udp, "10.0.0.2", 5060), socket(2, .udp, "10.0.0.2", 5080),
        socket(3, .tcp, "10.0.0.1", 5060), socket(4, .tcp, "10.0.0.2", 5070), socket(5, .udp, "2001:db8::1", 5060),
        socket(6, .udp, "2001:db8::2", 5060),
    ]

    private static func socket(_ id: Int, _ transport: Transport, _ host: String, _ port: UInt16) -> ListenSocket {
        ListenSocket(id: id, transport: transport, address: SocketAddress(host: host, port: port)!)  // a literal
    }

    @Test(
        arguments: [
            // Transport, destination, the route's source, listener that the request came in by, expected.
            (Transport.udp, "192.0.2.9", "10.0.0.1", 1, 0), (.udp, "192.0.2.9", "10.0.0.2", 0, 1),
            (.udp, "192.0.2.9", "10.0.0.2", 2, 2), (.udp, "192.0.2.9", "10.0.0.2", nil, 1),
            (.tcp, "192.0.2.9", "10.0.0.2", 0, 4), (.tcp, "192.0.2.9", "10.0.0.1", 4, 3),
            (.udp, "2001:db8:1::9", "2001:db8::2", 0, 6), (.udp, "2001:db8:1::9", "2001:db8::1", 6, 5),
            // Nothing listens there; no route; no listener of that kind.
            (.udp, "192.0.2.9", "10.0.0.3", 1, nil), (.udp, "192.0.2.9", nil, 1, nil),
            (.ws, "192.0.2.9", "10.0.0.1", 1, nil),
            (.tcp, "2001:db8:1::9", "2001:db8::1", 1, nil),
        ] as [(Transport, String, String?, Int?, Int?)])
    func theRouteDecides(transport: Transport, host: String, source: String?, inbound: Int?, expected: Int?) throws {
        let routed = RoutedListeners(Self.listeners, now: { 0 }) { _ in
            source.flatMap { SocketAddress(host: $0, port: 40_000) }
        }
        let destination = Destination(
            transport: transport, address: try #require(SocketAddress(host: host, port: 5060)))
        let found = routed.socket(for: destination, like: inbound.map { Self.listeners[$0] })
        #expect(found?.id == expected)
    }

    @Test func theKernelIsAskedOnceInAWhileForEachHost() {
        var asked: [SocketAddress] = []
        var now = 0
        let routed = RoutedListeners(Self.listeners, now: { now }) { address in
            asked.append(address)
            return Self.listeners[1].address
        }
        func send(_ host: UInt8, port: UInt16 = 5060, _ transport: Transport = .udp) -> Int? {
            routed.socket(
                for: Destination(transport: transport, address: SocketAddress(192, 0, 2, host, port: port)), like: nil)?
                .id
        }
        for port in 5060..<5070 { #expect(send(1, port: UInt16(port)) == 1) }
        #expect(send(1, .tcp) == 4 && send(2) == 1)
        #expect(asked.count == 2)
        now = RoutedListeners.answerMilliseconds - 1
        #expect(send(1) == 1 && asked.count == 2)
        now += 1
        #expect(send(1) == 1 && asked.count == 3)
    }

    @Test func answersAreBounded() {
        var asked = 0
        let routed = RoutedListeners(Self.listeners, now: { 0 }) { _ in
            asked += 1
            return nil
        }
        func send(_ number: Int) {
            let address = SocketAddress(ipv4: 0xC000_0200 + UInt32(number), port: 5060)
            #expect(routed.socket(for: Destination(transport: .udp, address: address), like: nil) == nil)
        }
        for number in 0..<RoutedListeners.answersMax { send(number) }
        send(0)
        #expect(asked == RoutedListeners.answersMax)
        // One more: all are forgotten.
        send(RoutedListeners.answersMax)
        send(0)
        #expect(asked == RoutedListeners.answersMax + 2)
    }

    @Test func oneHostIsNoChoice() {
        let sockets = [Self.listeners[1], Self.listeners[2], Self.listeners[3], Self.listeners[5]]
        let routed = RoutedListeners(sockets, now: { 0 }) { _ in
            Issue.record("asked")
            return nil
        }
        for host in ["192.0.2.1", "2001:db8:1::9"] {
            let address = SocketAddress(host: host, port: 5060)!  // a literal
            #expect(routed.socket(for: Destination(transport: .udp, address: address), like: nil) == nil)
            #expect(routed.socket(for: Destination(transport: .tcp, address: address), like: nil) == nil)
        }
    }

    @Test(arguments: [("127.0.0.9", "127.0.0.1"), ("::1", "::1")])
    func theKernelTellsItsSource(destination: String, source: String) throws {
        let address = try #require(SocketAddress(host: destination, port: 0))
        #expect(RoutedListeners.kernelSource(of: address)?.host == source)
    }
}
