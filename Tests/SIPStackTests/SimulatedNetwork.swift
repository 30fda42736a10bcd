import Reactor
import SIPTransport

/// SplitMix64: the same numbers for the same seed, on every machine.
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

/// A network and a clock in one thread: datagrams are lost, delayed, doubled and reordered as the seed says.
final class SimulatedNetwork {
    struct Faults {
        /// Per thousand.
        var loss = 0
        var duplication = 0
        /// Milliseconds; a range wider than the sending intervals reorders.
        var delay: ClosedRange<Int> = 1...1
    }

    private struct Event {
        var time: Int
        var order: Int
        var body: () -> Void
    }

    private(set) var now = 1_000_000
    private(set) var sent = 0
    private(set) var lost = 0
    var faults: Faults
    var generator: SeededGenerator
    /// Who listens at an address.
    var listeners: [SocketAddress: ([UInt8], SocketAddress) -> Void] = [:]
    /// Every datagram that was sent, its destination first.
    var log: [(to: SocketAddress, text: String)] = []
    private var events: [Event] = []
    private var order = 0

    init(seed: UInt64, faults: Faults = Faults()) {
        self.faults = faults
        generator = SeededGenerator(seed: seed)
    }

    func schedule(after milliseconds: Int, _ body: @escaping () -> Void) {
        order += 1
        let event = Event(time: now + milliseconds, order: order, body: body)
        let place = events.firstIndex { $0.time > event.time } ?? events.endIndex
        events.insert(event, at: place)
    }

    func send(_ bytes: [UInt8], from source: SocketAddress, to destination: SocketAddress) {
        sent += 1
        log.append((destination, String(decoding: bytes, as: UTF8.self)))
        guard Int.random(in: 0..<1000, using: &generator) >= faults.loss else {
            lost += 1
            return
        }
        deliver(bytes, source, destination)
        if Int.random(in: 0..<1000, using: &generator) < faults.duplication { deliver(bytes, source, destination) }
    }

    private func deliver(_ bytes: [UInt8], _ source: SocketAddress, _ destination: SocketAddress) {
        schedule(after: Int.random(in: faults.delay, using: &generator)) { [self] in
            listeners[destination]?(bytes, source)
        }
    }

    /// Lets time pass until nothing is left to happen, or until the limit. False when the limit came first.
    @discardableResult
    func run(milliseconds limit: Int) -> Bool {
        let end = now + limit
        while let next = events.first, next.time <= end {
            events.removeFirst()
            now = next.time
            next.body()
        }
        guard events.isEmpty else {
            now = end
            return false
        }
        return true
    }
}
