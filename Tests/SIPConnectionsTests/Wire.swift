import Glibc
import Logging
import Profiling
import Reactor
import SIPTransport
import Synchronization

@testable import SIPConnections

/// A hub that listens on loopback, processes that run on threads of their own, and sockets that connect to it.
final class Wire: @unchecked Sendable {
    // @unchecked: `ports` are used on the threads of their processes, the rest is set up before those run.

    let statistics = Statistics()
    let hub: ConnectionHub
    private(set) var processes: [ReactorProcess] = []
    private var ports: [ConnectionPort] = []
    private let socket: ListenSocket
    let failures = Atomic<Int>(0)
    let reasons = Mutex<[CloseReason]>([])

    init(_ options: ConnectionOptions, processes count: Int = 3) throws {
        var logger = Logger(label: "test")
        logger.logLevel = .error
        hub = ConnectionHub(options: options, statistics: statistics, logger: logger)
        hub.start()
        let address = PeerAddress(127, 0, 0, 1, port: 0)
        socket = try hub.listen(
            id: 0, request: ListenRequest(transport: .tcp, host: "127.0.0.1", port: 0), address: address)
        let table = ProcessTable(profiler: nil, statistics: statistics)
        for number in 0..<count {
            let process = try table.make(description: "process \(number)", kind: .tcp)
            processes.append(process)
            ports.append(
                ConnectionPort(hub: hub, process: process) { [unowned self] _ in failures.add(1, ordering: .relaxed) })
        }
        hub.receivers = processes.map { ConnectionReceiver(process: $0) { _ in } }
        hub.onDisconnect = { [unowned self] _, reason in reasons.withLock { $0.append(reason) } }
        for process in processes { try process.spawn(threadName: "wire") }
        hub.accept()
    }

    func stop() {
        hub.stop()
        for process in processes { process.stop() }
        for process in processes { process.join() }
    }

    /// Runs `body` with the port of a process, in a pass of it.
    func run(on number: Int, _ body: @escaping @Sendable (ConnectionPort) -> Void) {
        processes[number].reactor.submit(.silent, as: .own) { [self] in body(ports[number]) }
    }

    /// A socket that is connected, and the hub's end.
    func connect(receiveBuffer: Int32? = nil) -> (descriptor: Int32, connection: Connection) {
        let descriptor = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        if var size = receiveBuffer { setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &size, 4) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = socket.address.port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        let before = Set(hub.connections.map(\.id))
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        precondition(result == 0, "connect")
        var found: Connection?
        let isOpen = eventually {
            found = hub.connections.first { !before.contains($0.id) && $0.isReady }
            return found != nil
        }
        precondition(isOpen, "the connection was not accepted")
        return (descriptor, found!)
    }

    func destination(_ connection: Connection) -> Destination {
        var destination = Destination(transport: .tcp, address: connection.peer, connection: connection.id)
        destination.reusesOnly = true
        return destination
    }

    /// All bytes until the other end closes, or until there are `count`; `pause` is called after each read.
    static func read(_ descriptor: Int32, count: Int = .max, chunk: Int = 65536, pause: () -> Void = {}) -> [UInt8] {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: chunk)
        while bytes.count < count {
            let size = recv(descriptor, &buffer, chunk, 0)
            if size <= 0 { break }
            bytes.append(contentsOf: buffer[..<size])
            pause()
        }
        return bytes
    }
}

/// Looks every millisecond whether a condition holds.
func eventually(withinMilliseconds timeout: Int = 20_000, _ condition: () -> Bool) -> Bool {
    for _ in 0..<timeout {
        if condition() { return true }
        usleep(1000)
    }
    return condition()
}

extension Connection {
    /// It is open, and nobody has anything left to send.
    fileprivate var isReady: Bool { state.withLock { $0.local != nil && $0.sender == .none } }
}
