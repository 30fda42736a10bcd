import Bytes
import Glibc
import Profiling
import Reactor
import Synchronization
import Testing

@testable import SIPTransport

/// Real sockets on loopback. The reactor is driven by hand, or runs on threads of its own where several are needed.
struct UDPTransportTests {
    private let statistics = Statistics()
    private let profiler = Profiler()
    private let table: ProcessTable

    init() { table = ProcessTable(profiler: profiler, statistics: statistics) }

    private static func open(
        _ host: String = "127.0.0.1", port: UInt16 = 0, receivers: Int = 1, options: UDPOptions = UDPOptions()
    ) throws -> UDPListener {
        let request = ListenRequest(transport: .udp, host: host, port: port)
        let address = try #require(try Interfaces.expand(request).first)
        return try UDPListener.open(id: 3, request: request, address: address, receivers: receivers, options: options)
    }

    private func runUntil(_ process: ReactorProcess, _ condition: () -> Bool) {
        let limit = time(nil) + 10
        while !condition() {
            precondition(time(nil) < limit, "the reactor saw nothing for 10 s")
            process.reactor.runOnce()
        }
    }

    @Test(arguments: ["127.0.0.1", "::1"])
    func aDatagramComesInWithItsTimeAndAnAnswerGoesOut(host: String) throws {
        let listener = try Self.open(host)
        let process = try table.make(description: "receiver", kind: .udp)
        let peer = TestSocket(ipv6: host == "::1")
        var seen: [InboundDatagram] = []
        var transport: UDPTransport?
        transport = try UDPTransport(
            process: process, listeners: [listener], reading: [(listener, 0)],
            statistics: UDPStatistics(statistics),
            onDatagram: { datagram in
                seen.append(datagram)
                #expect(transport?.send(Array("pong".utf8), to: datagram.source, from: datagram.socket) == true)
            }, onFailure: { Issue.record("\($0)") })
        let before = Int64(time(nil)) * 1_000_000_000
        for text in ["ping", "\r\n\r\n", "pong"] {
            #expect(peer.send(Array(text.utf8), to: listener.socket.address) == text.utf8.count)
        }
        runUntil(process) { seen.count == 2 }
        #expect(seen.map { String(decoding: $0.bytes, as: UTF8.self) } == ["ping", "pong"])
        #expect(seen[0].source == peer.address)
        #expect(seen[0].socket.description == "udp:\(listener.socket.address)")
        #expect(seen[0].kernelNanoseconds >= before)
        #expect(seen[0].drops == 0)
        let answer = try #require(peer.receive())
        #expect(answer.bytes == Array("pong".utf8))
        #expect(answer.from == listener.socket.address)
        #expect(statistics.select("udp:keepalives").first?.value == 1)
        #expect(statistics.select("udp:received_datagrams").first?.value == 3)
        #expect(statistics.select("udp:sent_datagrams").first?.value == 2)
        transport?.stop()
        transport = nil
    }

    @Test func eachDatagramIsASessionOfItsOwn() throws {
        let consumer = Consumer(name: "test")
        let process = try table.make(description: "SIP receiver", kind: .udp)
        profiler.attach(consumer, wants: .sip)
        profiler.setLevel(.stack)
        let listener = try Self.open()
        let peer = TestSocket()
        var count = 0
        let transport = try UDPTransport(
            process: process, listeners: [listener], reading: [(listener, 0)],
            statistics: UDPStatistics(statistics), onDatagram: { _ in count += 1 }, onFailure: { _ in })
        for _ in 0..<3 { _ = peer.send([65], to: listener.socket.address) }
        runUntil(process) { count == 3 }
        profiler.collect()
        let records = consumer.take()
        #expect(
            records.map { "\($0.verb.word) \($0.name) \($0.line ?? 0)" }
                == Array(
                    repeating: [
                        "start SIP receiver 0", "enter udp proto reading 317", "exit reading done 324",
                        "end SIP receiver 0",
                    ], count: 3
                ).flatMap { $0 })
        #expect(Set(records.map(\.session)).count == 3)
        transport.stop()
    }

    @Test func receiversShareTheLoadOfOnePeer() throws {
        let receivers = 4
        let listener = try Self.open(receivers: receivers)
        #expect(listener.receiveBufferBytes > 0)
        let counts = (0..<receivers).map { _ in Collected<Int>() }
        let datagrams = 400
        let done = Done(count: datagrams)
        for index in 0..<receivers {
            let process = try table.make(description: "receiver \(index)", kind: .udp)
            let counter = counts[index]
            let transport = try UDPTransport(
                process: process, listeners: [listener], reading: [(listener, index)],
                statistics: UDPStatistics(statistics),
                onDatagram: { _ in
                    counter.append(1)
                    done.signal()
                }, onFailure: { _ in })
            process.reactor.atStop { transport.stop() }
            try process.spawn(threadName: "receiver")
        }
        let peer = TestSocket()
        for call in 0..<datagrams {
            let text = "OPTIONS sip:b@127.0.0.1 SIP/2.0\r\nCall-ID: \(call)\r\n\r\n"
            _ = peer.send(Array(text.utf8), to: listener.socket.address)
        }
        done.wait()
        table.stopAll()
        for counter in counts { #expect(counter.all.count > datagrams / receivers / 2, "\(counts.map(\.all.count))") }
    }

    @Test func aClosedPortIsReportedWithTheDatagram() throws {
        let listener = try Self.open()
        let process = try table.make(description: "receiver", kind: .udp)
        let closed = TestSocket().address
        let peer = TestSocket()
        var failures: [SendFailure] = []
        var received = 0
        let transport = try UDPTransport(
            process: process, listeners: [listener], reading: [(listener, 0)],
            statistics: UDPStatistics(statistics), onDatagram: { _ in received += 1 },
            onFailure: { failures.append($0) })
        transport.send(Array("OPTIONS sip:gone".utf8), to: closed, from: listener.socket)
        runUntil(process) { !failures.isEmpty }
        let failure = try #require(failures.first)
        #expect(failure.code == ECONNREFUSED)
        #expect(failure.destination == closed)
        #expect(failure.payload.hasPrefix("OPTIONS sip:gone"))
        // The socket lives on in both directions.
        transport.send([66], to: peer.address, from: listener.socket)
        transport.flush()
        #expect(peer.receive()?.bytes == [66])
        _ = peer.send([67], to: listener.socket.address)
        runUntil(process) { received == 1 }
        transport.stop()
    }

    @Test func aDatagramThatIsTooLargeIsReportedAndTheRestGoes() throws {
        let listener = try Self.open()
        let process = try table.make(description: "receiver", kind: .udp)
        let peer = TestSocket()
        var failures: [SendFailure] = []
        let transport = try UDPTransport(
            process: process, listeners: [listener], reading: [], statistics: UDPStatistics(statistics),
            onDatagram: { _ in }, onFailure: { failures.append($0) })
        transport.send([1], to: peer.address, from: listener.socket)
        transport.send([UInt8](repeating: 2, count: 65_520), to: peer.address, from: listener.socket)
        transport.send([3], to: peer.address, from: listener.socket)
        runUntil(process) { !failures.isEmpty }
        #expect(failures.map(\.code) == [EMSGSIZE])
        #expect(peer.receive()?.bytes == [1])
        #expect(peer.receive()?.bytes == [3])
    }

    @Test func pastTheQueuesLimitDatagramsAreDroppedAndCounted() throws {
        var options = UDPOptions()
        options.sendQueueDatagramsMax = 4
        options.sendQueueBytesMax = 4096
        let listener = try Self.open(options: options)
        let process = try table.make(description: "sender", kind: .udp)
        let peer = TestSocket()
        let transport = try UDPTransport(
            process: process, listeners: [listener], reading: [], options: options,
            statistics: UDPStatistics(statistics), onDatagram: { _ in }, onFailure: { _ in })
        #expect(!transport.send([UInt8](repeating: 1, count: 5000), to: peer.address, from: listener.socket))
        #expect(statistics.select("udp:send_drops").first?.value == 1)
        for number in 0..<10 as Range<UInt8> { transport.send([number], to: peer.address, from: listener.socket) }
        transport.flush()
        for number in 0..<10 as Range<UInt8> { #expect(peer.receive()?.bytes == [number]) }
        #expect(transport.waiting == 0)
    }

    @Test func dropsOfTheKernelAreCounted() throws {
        var options = UDPOptions()
        options.receiveBufferBytes = 4096
        let listener = try Self.open(options: options)
        let process = try table.make(description: "receiver", kind: .udp)
        let peer = TestSocket()
        var drops = 0
        var received = 0
        let transport = try UDPTransport(
            process: process, listeners: [listener], reading: [(listener, 0)], options: options,
            statistics: UDPStatistics(statistics),
            onDatagram: {
                drops += $0.drops
                received += 1
            }, onFailure: { _ in })
        let sent = 200
        for _ in 0..<sent { _ = peer.send([UInt8](repeating: 65, count: 500), to: listener.socket.address) }
        #expect(listener.bytesWaiting > 0)
        // The count travels with a datagram that is queued after the drops.
        runUntil(process) {
            if received > 0, drops == 0 { _ = peer.send([66], to: listener.socket.address) }
            return drops > 0
        }
        #expect(drops + received >= sent)
        #expect(statistics.select("udp:kernel_drops").first?.value == drops)
        transport.stop()
    }

    @Test func takenAndForeignAddressesAreRefused() throws {
        let listener = try Self.open(receivers: 2)
        let taken = listener.socket.address
        #expect(throws: ListenError.addressInUse("udp:\(taken)")) { try Self.open(port: taken.port, receivers: 2) }
        #expect(throws: ListenError.addressInUse("udp:\(taken)")) { try Self.open(port: taken.port) }
        do {
            _ = try Self.open("192.0.2.77", port: 5999)
            Issue.record("192.0.2.77 was bound")
        } catch let error as ListenError {
            #expect(error.description.contains("no interface of this machine has that address; it has 127.0.0.1"))
        }
        #expect(throws: ListenError.self) { try Self.open("no.such.host.invalid") }
    }

    @Test func listenersNameInterfacesAndAllAddresses() throws {
        func expand(_ host: String) throws -> [SocketAddress] {
            try Interfaces.expand(ListenRequest(transport: .udp, host: host, port: 5070))
        }
        #expect(try expand("127.0.0.1") == [SocketAddress(127, 0, 0, 1, port: 5070)])
        #expect(try expand("lo").contains(SocketAddress(127, 0, 0, 1, port: 5070)))
        #expect(try expand("lo").allSatisfy(\.isLoopback))
        #expect(try expand("*").contains(SocketAddress(127, 0, 0, 1, port: 5070)))
        #expect(try expand("localhost").contains { $0.isLoopback })
    }

    @Test func theListenerForAnAddressFitsItsFamily() throws {
        let (four, six) = (try Self.open("127.0.0.1"), try Self.open("::1"))
        let process = try table.make(description: "sender", kind: .udp)
        let second = try UDPListener.open(
            id: 4, request: ListenRequest(transport: .udp, host: "::1", port: 0),
            address: SocketAddress(ipv6: 0, 1, port: 0), receivers: 1)
        _ = six
        let transport = try UDPTransport(
            process: process, listeners: [four, second], reading: [], statistics: UDPStatistics(statistics),
            onDatagram: { _ in }, onFailure: { _ in })
        #expect(transport.socket(for: SocketAddress(10, 0, 0, 1, port: 5060)) == four.socket)
        #expect(transport.socket(for: SocketAddress(ipv6: 0x2001 << 48, 1, port: 5060)) == second.socket)
    }
}
