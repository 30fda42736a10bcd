import Bytes
import Reactor
import SIPMessage
import Synchronization

/// Registers the called numbers at the server, a few at a time, and again when all are through with half the time over.
///
/// Confined to its process; `registered` may be read anywhere.
final class Registrant: Sendable {
    static let timer = ReactorSites.timer("demo-register")
    /// Registrations that wait for their answer at one moment.
    static let window = 32

    private let registered = Atomic<Int>(0)
    private let failed = Atomic<Int>(0)
    var registeredCount: Int { registered.load(ordering: .relaxed) }
    var failedCount: Int { failed.load(ordering: .relaxed) }

    private final class State {
        var next = 0
        var waiting: Set<Int> = []
    }

    private let numbers: [String]

    init(numbers: [String]) { self.numbers = numbers }

    /// Begins on the socket's process. `done` runs there when every number has had an answer.
    func start(
        socket: EndpointSocket, contact: SocketAddress, server: SocketAddress, done: @escaping () -> Void
    ) throws(SystemCallError) {
        let state = State()
        let send = { [numbers] (index: Int) in
            let number = numbers[index]
            socket.send(
                """
                REGISTER sip:\(server.host) SIP/2.0\r
                Via: SIP/2.0/UDP \(socket.address);branch=z9hG4bKreg\(index);rport\r
                Max-Forwards: 70\r
                From: <sip:\(number)@\(server.host)>;tag=reg\(index)\r
                To: <sip:\(number)@\(server.host)>\r
                Call-ID: register-\(index)\r
                CSeq: 1 REGISTER\r
                Contact: <sip:\(number)@\(contact)>\r
                Expires: 3600\r
                User-Agent: sipray demo\r
                Content-Length: 0\r
                \r

                """, to: server)
        }
        let fill = { [numbers] in
            while state.waiting.count < Registrant.window, state.next < numbers.count {
                state.waiting.insert(state.next)
                send(state.next)
                state.next += 1
            }
        }
        try socket.listen { [self] message in
            guard message.statusCode >= 200, let id = message.value(.callID)?.string,
                let index = Int(id.dropFirst("register-".count)), state.waiting.remove(index) != nil
            else { return }
            if message.statusCode == 200 {
                registered.wrappingAdd(1, ordering: .relaxed)
            } else {
                failed.wrappingAdd(1, ordering: .relaxed)
            }
            fill()
            if state.waiting.isEmpty, state.next == numbers.count { done() }
        }
        let repeating = socket.process.reactor.every(milliseconds: 500, label: Self.timer) {
            for index in state.waiting { send(index) }
        }
        socket.process.reactor.atStop { repeating.invalidate() }
        socket.process.reactor.submit(ReactorSites.job("demo-register")) { [box = UncheckedBox(fill)] in box.value() }
    }
}

/// Carries a closure that belongs to one process to that process.
struct UncheckedBox<Value>: @unchecked Sendable {
    // @unchecked: made on one thread, used on the one process that it is handed to.
    let value: Value
    init(_ value: Value) { self.value = value }
}

/// Something that happens once, seen from any thread.
final class Latch: Sendable {
    private let flag = Atomic<Bool>(false)

    var isSet: Bool { flag.load(ordering: .acquiring) }

    func set() { flag.store(true, ordering: .releasing) }
}
