import AllocationCounting
import CPlatform
import Glibc
import Profiling
import Reactor
import SIPTransport
import Synchronization

/// A peer that keeps an echo under load, and the two echoes that are compared.
enum Echo {
    static let datagrams = TransportBenchmark.argument(2) ?? 50_000
    /// Datagrams under way: enough that batches form, too few for the receive buffer to overflow.
    static let window = 128

    /// Of the last run of `transport`, the growth of buffers at its beginning included.
    nonisolated(unsafe) static var allocationsPerDatagram = 0.0

    /// CPU nanoseconds per datagram of a loop that does nothing but recvmmsg, copy and sendmmsg.
    static func plain(payloadBytes: Int) throws -> Double {
        var address = SocketAddress(127, 0, 0, 1, port: 0).platform
        let descriptor = cplatform_udp_open(&address, 0)
        precondition(descriptor >= 0, "bind")
        defer { close(descriptor) }
        _ = cplatform_socket_set_receive_buffer(descriptor, 4 << 20)
        var bound = cplatform_address()
        _ = cplatform_socket_local_address(descriptor, &bound)
        let load = Load(target: SocketAddress(bound)!, payloadBytes: payloadBytes)  // it was just bound
        let receiver = cplatform_receiver_create(32, 65_536)!  // out of memory ends a benchmark
        let sender = cplatform_sender_create(64, 1 << 20)!
        defer {
            cplatform_receiver_destroy(receiver)
            cplatform_sender_destroy(sender)
        }
        load.start()
        let before = cplatform_thread_cpu_nanoseconds()
        var echoed = 0
        var error: Int32 = 0
        while echoed < datagrams {
            var ready = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            poll(&ready, 1, 1000)
            let count = cplatform_receiver_receive(receiver, descriptor)
            for index in 0..<UInt32(max(0, count)) {
                let datagram = cplatform_receiver_datagram(receiver, index)!.pointee  // index is below count
                var source = datagram.source
                _ = cplatform_sender_push(sender, datagram.bytes, datagram.length, &source)
            }
            echoed += Int(cplatform_sender_flush(sender, descriptor, &error))
        }
        let spent = cplatform_thread_cpu_nanoseconds() - before
        load.stop()
        return Double(spent) / Double(echoed)
    }

    /// The same through reactor and `UDPTransport`, with a session per datagram.
    static func transport(payloadBytes: Int, level: Level?) throws -> Double {
        let profiler = Profiler()
        let statistics = Statistics()
        let process = try ProcessTable(profiler: profiler, statistics: statistics)
            .make(description: "SIP receiver", kind: .udp)
        let consumer = Consumer(name: "benchmark")
        if let level {
            profiler.start()
            profiler.attach(consumer, wants: [.sip, .timers])
            profiler.setLevel(level)
        }
        let request = ListenRequest(transport: .udp, host: "127.0.0.1", port: 0)
        let listener = try UDPListener.open(
            id: 0, request: request, address: SocketAddress(127, 0, 0, 1, port: 0), receivers: 1)
        let load = Load(target: listener.socket.address, payloadBytes: payloadBytes)
        let echo = EchoProcess()
        let transport = try UDPTransport(
            process: process, listeners: [listener], reading: [(listener, 0)], statistics: UDPStatistics(statistics),
            onDatagram: { echo.take($0) }, onFailure: { _ in })
        echo.transport = transport
        load.start()
        let before = cplatform_thread_cpu_nanoseconds()
        let allocated = allocations { while echo.echoed < datagrams { turn(process.reactor, echo) } }
        allocationsPerDatagram = Double(allocated) / Double(echo.echoed)
        let spent = cplatform_thread_cpu_nanoseconds() - before
        load.stop()
        transport.stop()
        if level != nil { profiler.stop() }
        return Double(spent) / Double(echo.echoed)
    }

    /// Runs the reactor as a process does, with waits, until enough was echoed.
    private static func turn(_ reactor: Reactor, _ echo: EchoProcess) {
        echo.limit = datagrams
        echo.onLimit = { reactor.stop() }
        reactor.run()
    }
}

/// Sends back what comes in.
private final class EchoProcess {
    var transport: UDPTransport?
    var echoed = 0
    var limit = Int.max
    var onLimit: () -> Void = {}

    func take(_ datagram: InboundDatagram) {
        transport?.send(datagram.bytes, to: datagram.source, from: datagram.socket)
        echoed += 1
        if echoed == limit { onLimit() }
    }
}

/// A thread that keeps `Echo.window` datagrams under way.
private final class Load: @unchecked Sendable {
    // @unchecked: everything but the flag belongs to the thread once it runs.
    private let target: SocketAddress
    private let payload: [UInt8]
    private let isStopping = Atomic<Bool>(false)
    private var thread = pthread_t()

    init(target: SocketAddress, payloadBytes: Int) {
        self.target = target
        payload = [UInt8](repeating: 65, count: payloadBytes)
    }

    func start() {
        pthread_create(
            &thread, nil,
            {
                Unmanaged<Load>.fromOpaque($0!).takeRetainedValue().run()
                return nil
            }, Unmanaged.passRetained(self).toOpaque())
    }

    func stop() {
        isStopping.store(true, ordering: .relaxed)
        pthread_join(thread, nil)
    }

    private func run() {
        var address = SocketAddress(127, 0, 0, 1, port: 0).platform
        let descriptor = cplatform_udp_open(&address, 0)
        _ = cplatform_socket_set_receive_buffer(descriptor, 4 << 20)
        let receiver = cplatform_receiver_create(32, 65_536)!  // out of memory ends a benchmark
        let sender = cplatform_sender_create(256, 1 << 20)!
        defer {
            close(descriptor)
            cplatform_receiver_destroy(receiver)
            cplatform_sender_destroy(sender)
        }
        var destination = target.platform
        var underWay = 0
        var error: Int32 = 0
        while !isStopping.load(ordering: .relaxed) {
            while underWay < Echo.window {
                _ = cplatform_sender_push(sender, payload, UInt32(payload.count), &destination)
                underWay += 1
            }
            _ = cplatform_sender_flush(sender, descriptor, &error)
            var ready = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            // Silence for 50 ms means that something was lost: begin again with a full window.
            if poll(&ready, 1, 50) == 0 { underWay = 0 }
            underWay = max(0, underWay - max(0, Int(cplatform_receiver_receive(receiver, descriptor))))
        }
    }
}
