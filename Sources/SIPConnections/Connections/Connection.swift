import CPlatform
import Glibc
import NIOCore
import Reactor
package import SIPTransport
import Synchronization

/// One connection: what the table, the SIP processes and its NIO loop know of it.
///
/// Made when it is accepted or wanted; over when `phase` is `.closed`. What changes is atomic or under `state`, whose
/// lock is held for a few instructions only. The channel is used on its loop only (`ConnectionHandler`).
package final class Connection: Sendable {
    package enum Phase: String, Sendable {
        case connecting, open
        /// The peer sends no more, but may still read.
        case halfOpen
        case closed
    }

    package let id: ConnectionID
    /// The listener that it was accepted on, or in whose name it was opened.
    package let socket: ListenSocket
    /// The other end.
    package let peer: PeerAddress
    package let isAccepted: Bool
    let loop: any EventLoop
    /// The place of the SIP process that takes its messages.
    let receiver: Int
    /// CLOCK_MONOTONIC milliseconds of the last byte in either direction.
    let lastUse: Atomic<Int>
    /// It is kept until then even when it is idle.
    let keptUntil = Atomic<Int>(0)
    let bytesIn = Atomic<Int>(0)
    let bytesOut = Atomic<Int>(0)
    /// Messages that were handed to a process and not handled yet.
    let handed = Atomic<Int>(0)
    /// Nothing is read until they are fewer.
    let isPaused = Atomic<Bool>(false)
    /// The stream is broken: the handler wants to know when all of them are handled.
    let isStopping = Atomic<Bool>(false)
    /// Requests that came in, but for ACKs, less the final replies that were sent: how many are unanswered, about.
    let requestsUnanswered = Atomic<Int>(0)
    let state: Mutex<State>

    struct State: Sendable {
        var phase: Phase
        var queue: [Outgoing] = []
        var queueBytes = 0
        var sender: Sender
        /// A second descriptor of the socket, ours to close, that SIP processes write to; -1: the loop writes
        /// everything.
        var descriptor: Int32 = -1
        var aliases: [UInt16] = []
        /// Nothing more is sent, and it is closed when the queue is empty, or as soon as it is open.
        var closesWhenSent = false
        /// Set once it is open.
        var local: PeerAddress?
        var handler: ConnectionHandler?
    }

    /// Who takes from the queue and writes. There is one at a time: so bytes leave in the order in which they were
    /// queued.
    enum Sender: Sendable {
        /// Nobody. What is queued is written by the process that queued it, at the end of its pass.
        case none
        /// A SIP process is in its system call.
        case process
        /// The loop was asked to, or has bytes that the socket did not take yet, or the connection is being made.
        case loop
    }

    /// Bytes that wait, and who is told when they do not leave.
    struct Outgoing: Sendable {
        let bytes: [UInt8]
        let sender: FailureSink?
        /// How many of them the socket has taken.
        var offset = 0

        init(bytes: [UInt8], sender: FailureSink?) {
            self.bytes = bytes
            self.sender = sender
        }

        var bytesLeft: Int { bytes.count - offset }
    }

    init(
        id: ConnectionID, socket: ListenSocket, peer: PeerAddress, isAccepted: Bool, loop: any EventLoop, receiver: Int
    ) {
        self.id = id
        self.socket = socket
        self.peer = peer
        self.isAccepted = isAccepted
        self.loop = loop
        self.receiver = receiver
        lastUse = Atomic(Self.now)
        // While it is being made, what is sent waits; `opened` sends it.
        state = Mutex(State(phase: isAccepted ? .open : .connecting, sender: .loop))
    }

    deinit {
        let descriptor = state.withLock { $0.descriptor }
        if descriptor >= 0 { Glibc.close(descriptor) }
    }

    /// CLOCK_MONOTONIC in milliseconds.
    static var now: Int { Int(cplatform_monotonic_nanoseconds() / 1_000_000) }

    /// Runs something with its handler, on its loop; not when there is none yet or any more.
    func withHandler(_ body: @escaping @Sendable (ConnectionHandler) -> Void) {
        loop.execute { [self] in
            if let handler = state.withLock({ $0.handler }) { body(handler) }
        }
    }

    func touch() { lastUse.store(Self.now, ordering: .relaxed) }

    package var phase: Phase { state.withLock { $0.phase } }
    package var aliases: [UInt16] { state.withLock { $0.aliases } }
    /// Our end; nil while it is being made.
    package var local: PeerAddress? { state.withLock { $0.local } }
    /// Seconds until it is closed if nothing goes over it.
    package func secondsLeft(_ options: ConnectionOptions) -> Int {
        let now = Self.now
        let idle = lastUse.load(ordering: .relaxed) + options.lifetimeMilliseconds
        return max(0, max(idle, keptUntil.load(ordering: .relaxed)) - now) / 1000
    }

    package var received: Int { bytesIn.load(ordering: .relaxed) }
    package var sent: Int { bytesOut.load(ordering: .relaxed) }
    /// Bytes that wait to be sent.
    package var bytesWaiting: Int { state.withLock { $0.queueBytes } }
}

extension Connection: CustomStringConvertible {
    /// `tcp:10.0.0.1:40000 (accepted by tcp:10.0.0.2:5060)`
    package var description: String {
        "\(socket.transport.name):\(peer) (\(isAccepted ? "accepted by" : "opened for") \(socket))"
    }
}

/// A process that is told of messages which did not leave. Any thread.
final class FailureSink: Sendable {
    private let process: ReactorProcess
    private let handler: @Sendable (SendFailure) -> Void

    init(process: ReactorProcess, handler: @escaping @Sendable (SendFailure) -> Void) {
        self.process = process
        self.handler = handler
    }

    func report(_ failure: SendFailure) {
        process.reactor.submit(ConnectionSites.failure) { [handler] in handler(failure) }
    }
}
