package import Reactor
package import SIPTransport

/// What a worker needs of the world: a clock, one timer, a way to send and to resolve. Real ones in the server, a
/// simulated network and a manual clock in tests.
package struct WorkerPort {
    /// Milliseconds of a clock that all processes share.
    package var now: () -> Int
    /// Arms the worker's one timer, moving it if it is armed: `StackWorker.timerFired` is to be called at that time.
    package var arm: (_ deadline: Int) -> Void
    /// Sends; false when it can't be sent. The bytes may be kept.
    package var send: (_ bytes: [UInt8], _ destination: Destination) -> Bool
    /// The listener to send to an address from when nothing else settles it.
    package var socket: (_ destination: SocketAddress, _ transport: Transport) -> ListenSocket?
    /// Resolves a host; the continuation may be called at once, or later on the same process.
    package var resolve:
        (_ query: ResolveQuery, _ completion: @escaping (Result<[Destination], ResolveError>) -> Void)
            -> Void
    /// The answer when no question has to be asked: an address literal or a cache hit.
    package var immediate: (_ query: ResolveQuery) -> Destination?
    /// Connections, where the server has a transport with them.
    package var connections: (any StreamSending)?
    /// What the kernel's routes lead to, where `mhomed` asks for that.
    package var routed: RoutedListeners?
    /// Lets what was sent leave now. Only where sending is batched.
    package var flush: () -> Void = {}
    /// Calls a target at the end of the pass, where sending is batched; nil where a datagram leaves at once.
    package var atEndOfPass: ((any PassEndTarget) -> Void)?

    package init(
        now: @escaping () -> Int, arm: @escaping (Int) -> Void,
        send: @escaping (_ bytes: [UInt8], _ destination: Destination) -> Bool,
        socket: @escaping (SocketAddress, Transport) -> ListenSocket?,
        resolve: @escaping (ResolveQuery, @escaping (Result<[Destination], ResolveError>) -> Void) -> Void,
        immediate: @escaping (ResolveQuery) -> Destination?
    ) {
        self.now = now
        self.arm = arm
        self.send = send
        self.socket = socket
        self.resolve = resolve
        self.immediate = immediate
    }
}

extension WorkerPort {
    /// The port of a real process: its reactor, its UDP sockets, its connections, the server's resolver.
    ///
    /// The timer calls `worker()`, which is nil until the worker is made.
    package init(
        process: ReactorProcess, udp: UDPTransport, connections: (any StreamSending)? = nil, resolver: Resolver,
        worker: @escaping () -> StackWorker?
    ) {
        let reactor = process.reactor
        let timer = reactor.makeTimer(label: .transactionTimer) { worker()?.timerFired() }
        self.init(
            now: { reactor.nowMilliseconds },
            arm: { deadline in timer.arm(afterMilliseconds: max(0, deadline - reactor.nowMilliseconds)) },
            send: { bytes, destination in
                guard destination.transport == .udp else {
                    return connections?.send(bytes, to: destination) ?? false
                }
                guard let socket = destination.socket ?? udp.socket(for: destination.address) else { return false }
                return udp.send(bytes, to: destination.address, from: socket)
            },
            socket: { address, transport in
                transport == .udp
                    ? udp.socket(for: address) : connections?.socket(for: address, transport: transport)
            },
            resolve: { query, completion in _ = resolver.resolve(query, on: process, completion: completion) },
            immediate: { resolver.immediate($0) })
        self.connections = connections
        flush = {
            udp.flush()
            connections?.flush()
        }
        atEndOfPass = { [unowned reactor] in reactor.atEndOfPass($0) }
    }
}
