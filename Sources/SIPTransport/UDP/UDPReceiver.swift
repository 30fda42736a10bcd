import Bytes
import CPlatform
import Glibc
import Profiling
import Reactor

/// The reading end of one socket in one process. Budget: a system call per batch; per datagram one allocation (its
/// bytes), one clock read if others came with it, no lock.
///
/// Confined to the process's thread. Each datagram is a process session of its own.
final class UDPReceiver {
    private let process: ReactorProcess
    private let socket: ListenSocket
    private let descriptor: Int32
    private let statistics: UDPStatistics
    private let batch: OpaquePointer
    private let processSite: Site
    private let handler: (InboundDatagram) -> Void
    private let failureHandler: (SendFailure) -> Void
    private(set) var registration: Registration?
    /// The kernel's drop count at the datagram before; it wraps at 32 bits.
    private var dropsSeen: UInt32 = 0
    private var failureBuffer = [UInt8](repeating: 0, count: 2048)

    /// ICMP errors that one pass takes off a socket's queue.
    static let failuresPerPassMax = 32
    static let datagramBytesMax: UInt32 = 65_536

    init(
        process: ReactorProcess, socket: ListenSocket, descriptor: Int32, options: UDPOptions,
        statistics: UDPStatistics, handler: @escaping (InboundDatagram) -> Void,
        failureHandler: @escaping (SendFailure) -> Void
    ) throws(SystemCallError) {
        self.process = process
        self.socket = socket
        self.descriptor = descriptor
        self.statistics = statistics
        self.handler = handler
        self.failureHandler = failureHandler
        processSite = process.reactor.processSite
        guard let batch = cplatform_receiver_create(UInt32(options.receiveBatch), Self.datagramBytesMax) else {
            throw SystemCallError(call: "mmap", code: ENOMEM)
        }
        self.batch = batch
    }

    deinit { cplatform_receiver_destroy(batch) }

    /// Begins to read. `unowned` is right: the transport, which owns the receiver, removes the registration first.
    func start(onWritable: @escaping () -> Void) throws(SystemCallError) {
        registration = try process.reactor.add(descriptor, for: .readable, sessions: .own) { [unowned self] readiness in
            if readiness.contains(.failed) { self.readFailures() }
            // A pending error without an entry in the error queue is only taken away by a read.
            if readiness.contains(.readable) || readiness.contains(.failed) { self.readBatch() }
            if readiness.contains(.writable) { onWritable() }
        }
    }

    func stop() {
        registration?.remove()
        registration = nil
    }

    private func readBatch() {
        // A pending ICMP error makes the first call fail and is gone then.
        var count = cplatform_receiver_receive(batch, descriptor)
        if count < 0 { count = cplatform_receiver_receive(batch, descriptor) }
        guard count > 0 else { return }
        var index: UInt32 = 0
        while index < UInt32(count) {
            if index > 0 { process.reactor.endStretchIfLong() }
            process.probe.begin(processSite)
            process.probe.enter(UDPSites.reading)
            take(cplatform_receiver_datagram(batch, index))
            process.probe.exit(UDPSites.reading)
            process.probe.end()
            index += 1
        }
    }

    @inline(__always)
    private func take(_ datagram: UnsafePointer<cplatform_datagram>) {
        let length = Int(datagram.pointee.length)
        process.statistics.add(statistics.receivedDatagrams)
        process.statistics.add(statistics.receivedBytes, length)
        var drops = 0
        if datagram.pointee.has_drops != 0 {
            drops = Int(datagram.pointee.drops &- dropsSeen)
            dropsSeen = datagram.pointee.drops
            if drops > 0 { process.statistics.add(statistics.kernelDrops, drops) }
        }
        let raw = UnsafeRawBufferPointer(start: datagram.pointee.bytes, count: length)
        guard let source = SocketAddress(datagram.pointee.source) else { return }
        guard !Self.isKeepalive(raw) else {
            process.statistics.add(statistics.keepalives)
            return
        }
        let bytes = [UInt8](unsafeUninitializedCapacity: length) { buffer, count in
            UnsafeMutableRawBufferPointer(buffer).copyMemory(from: raw)
            count = length
        }
        handler(
            InboundDatagram(
                bytes: bytes, source: source, socket: socket,
                kernelNanoseconds: datagram.pointee.kernel_nanoseconds, drops: drops))
    }

    /// Line ends, blanks and zeros only.
    private static func isKeepalive(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard bytes.count <= 64 else { return false }
        return bytes.allSatisfy { $0 == 13 || $0 == 10 || $0 == 0 || $0 == 32 }
    }

    private func readFailures() {
        for _ in 0..<Self.failuresPerPassMax {
            var failure = cplatform_send_failure()
            let got = failureBuffer.withUnsafeMutableBytes {
                cplatform_socket_next_failure(descriptor, $0.baseAddress, UInt32($0.count), &failure)
            }
            guard got == 1 else { return }
            guard let destination = SocketAddress(failure.destination), failure.error != 0 else { continue }
            process.statistics.add(statistics.sendFailures)
            let payload = failureBuffer.withUnsafeBytes { bytes in
                ByteString(copying: UnsafeRawBufferPointer(rebasing: bytes.prefix(Int(failure.length))))
            }
            process.probe.begin(processSite)
            process.probe.enter(UDPSites.failure)
            failureHandler(
                SendFailure(code: failure.error, destination: destination, socket: socket, payload: payload))
            process.probe.exit(UDPSites.failure, status: failure.error)
            process.probe.end()
        }
    }
}
