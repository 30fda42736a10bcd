import Bytes
import CPlatform
import Glibc
import Reactor

/// The sending end of one socket in one process: datagrams gather in an arena and leave with one sendmmsg at the end of
/// the pass, or when `sendBatch` of them wait.
///
/// Confined to the process's thread. Several processes may send on one descriptor, each with a sender of its own.
/// Budget per datagram: one copy of its bytes, no allocation, no lock.
final class UDPSender: PassEndTarget {
    private let process: ReactorProcess
    let socket: ListenSocket
    private let descriptor: Int32
    private let statistics: UDPStatistics
    private let arena: OpaquePointer
    private let sendBatch: Int
    private let failureHandler: (SendFailure) -> Void
    private var isEnlisted = false
    private(set) var isBlocked = false
    /// Asked for when the socket takes no more; calls `unblock` when it does again.
    private let waitForRoom: (UDPSender) -> Void

    init(
        process: ReactorProcess, socket: ListenSocket, descriptor: Int32, options: UDPOptions,
        statistics: UDPStatistics, failureHandler: @escaping (SendFailure) -> Void,
        waitForRoom: @escaping (UDPSender) -> Void
    ) throws(SystemCallError) {
        guard
            let arena = cplatform_sender_create(
                UInt32(options.sendQueueDatagramsMax), UInt32(options.sendQueueBytesMax))
        else { throw SystemCallError(call: "mmap", code: ENOMEM) }
        self.process = process
        self.socket = socket
        self.descriptor = descriptor
        self.statistics = statistics
        self.arena = arena
        self.failureHandler = failureHandler
        self.waitForRoom = waitForRoom
        sendBatch = options.sendBatch
    }

    deinit { cplatform_sender_destroy(arena) }

    /// Datagrams that wait.
    var waiting: Int { Int(cplatform_sender_count(arena)) }

    /// Takes a copy; false when the queue is full, which is counted.
    @inline(__always)
    func send(_ bytes: UnsafeRawBufferPointer, to destination: SocketAddress) -> Bool {
        var address = destination.platform
        let length = UInt32(truncatingIfNeeded: bytes.count)
        if cplatform_sender_push(arena, bytes.baseAddress, length, &address) != 0 {
            if !isBlocked { flush() }
            guard cplatform_sender_push(arena, bytes.baseAddress, length, &address) == 0 else {
                process.statistics.add(statistics.sendDrops)
                return false
            }
        }
        process.statistics.add(statistics.sentBytes, bytes.count)
        guard !isBlocked else { return true }
        if waiting >= sendBatch {
            flush()
        } else if !isEnlisted {
            isEnlisted = true
            process.reactor.atEndOfPass(self)
        }
        return true
    }

    func passEnded() {
        isEnlisted = false
        if !isBlocked { flush() }
    }

    /// The socket takes datagrams again.
    func unblock() {
        isBlocked = false
        flush()
    }

    /// Sends what waits. A datagram that is refused twice is reported and left out; a full socket makes the rest wait.
    func flush() {
        var wasRefused = false
        while true {
            var error: Int32 = 0
            let sent = cplatform_sender_flush(arena, descriptor, &error)
            if sent > 0 {
                process.statistics.add(statistics.sentDatagrams, Int(sent))
                wasRefused = false
            }
            switch error {
            case 0:
                return
            case EAGAIN, ENOBUFS, ENOMEM:
                isBlocked = true
                process.statistics.add(statistics.sendBlocked)
                waitForRoom(self)
                return
            default:
                // The first refusal may be the late ICMP error of another datagram; asking again tells.
                if wasRefused { reportFront(error) }
                wasRefused.toggle()
            }
        }
    }

    private func reportFront(_ error: Int32) {
        var length: UInt32 = 0
        var address = cplatform_address()
        let start = cplatform_sender_front(arena, &length, &address)
        let payload = ByteString(copying: UnsafeRawBufferPointer(start: start, count: Int(length)))
        cplatform_sender_drop_front(arena)
        process.statistics.add(statistics.sendFailures)
        guard let destination = SocketAddress(address) else { return }
        failureHandler(SendFailure(code: error, destination: destination, socket: socket, payload: payload))
    }
}
