import CPlatform
import Glibc
import JSONRPC
import Reactor
import Synchronization

/// The sending end of one subscriber: its socket, its health and what waits for it. Used on the sender's thread only.
final class SubscriberLink {
    let socket: EventSocket
    let report: SubscriberReport
    /// The events it is subscribed to, by index, with what it may have of each.
    private var events: [Int: SessionGate] = [:]
    private(set) var health = SubscriberHealth()
    private(set) var descriptor: Int32 = -1
    private var pending: PendingEvents
    private let counters: EventCounters

    init(socket: EventSocket, report: SubscriberReport, counters: EventCounters, pendingBytesMax: Int) {
        self.socket = socket
        self.report = report
        self.counters = counters
        pending = PendingEvents(bytesMax: pendingBytesMax)
    }

    deinit { close() }

    /// Subscribes it to these events and no others.
    func follow(_ indexes: some Sequence<Int>) {
        events = Dictionary(indexes.map { ($0, events[$0] ?? SessionGate()) }) { first, _ in first }
    }

    /// Whether events wait until the socket takes more.
    var isWaiting: Bool { !pending.isEmpty && descriptor >= 0 }

    /// Sends what the subscriber wants of a batch. Never waits: what does not fit waits in a bounded queue, what the
    /// subscriber refuses is lost and counted.
    func send(_ batch: borrowing MessageBatch, now: Int) {
        let slices = batch.entries.filter { entry in
            events[entry.event.index]?.admits(session: entry.session, isStart: entry.isStart) ?? false
        }.map(\.slice)
        guard !slices.isEmpty else { return }
        guard prepare(now: now) else { return lose(slices.count, counters.lostUnreachable) }
        if !pending.isEmpty { return keep(batch.bytes, slices[...]) }
        var rest = slices[...]
        while !rest.isEmpty {
            let (sent, error) = send(batch.bytes, rest)
            note(sent: sent)
            rest = rest.dropFirst(sent)
            if error == 0 { continue }
            switch error {
            case EAGAIN, ENOBUFS, ENOMEM: return keep(batch.bytes, rest)
            case EMSGSIZE:
                lose(1, counters.lostTooLong)
                rest = rest.dropFirst()
            default:
                refused(now: now)
                return lose(rest.count, counters.lostUnreachable)
            }
        }
    }

    /// Sends what waited, as far as the subscriber takes it.
    func sendPending(now: Int) {
        while !pending.isEmpty {
            let (sent, error) = send(pending.bytes, pending.waiting)
            note(sent: sent)
            pending.removeFirst(sent)
            if error == 0 { continue }
            switch error {
            case EAGAIN, ENOBUFS, ENOMEM: return
            case EMSGSIZE:
                lose(1, counters.lostTooLong)
                pending.removeFirst(1)
            default: return refused(now: now)
            }
        }
    }

    /// Forgets past trouble: it has just subscribed or renewed.
    func makeFresh() { health = SubscriberHealth() }

    /// One system call: how many went, and the error of the one after them or 0.
    private func send(_ bytes: [UInt8], _ slices: ArraySlice<cplatform_slice>) -> (sent: Int, error: Int32) {
        bytes.withUnsafeBufferPointer { bytes in
            slices.withUnsafeBufferPointer { slices in
                var error: Int32 = 0
                let sent = cplatform_send_slices(
                    descriptor, bytes.baseAddress, slices.baseAddress, UInt32(clamping: slices.count), &error)
                return (Int(sent), error)
            }
        }
    }

    private func prepare(now: Int) -> Bool {
        guard health.maySend(now: now) else { return false }
        if descriptor >= 0 { return true }
        descriptor = socket.connected()
        if descriptor < 0 { refused(now: now) }
        return descriptor >= 0
    }

    private func refused(now: Int) {
        health.refused(now: now)
        lose(pending.count, counters.lostUnreachable)
        pending.removeAll()
        // A unix path may belong to another socket by the next try.
        if case .unix = socket { close() }
    }

    private func note(sent: Int) {
        guard sent > 0 else { return }
        health.sent()
        report.sent.add(sent, ordering: .relaxed)
        counters.add(counters.sent, sent)
    }

    private func keep(_ bytes: [UInt8], _ slices: ArraySlice<cplatform_slice>) {
        var lost = 0
        for slice in slices where !pending.append(bytes[slice.range]) { lost += 1 }
        lose(lost, counters.lostSubscriberFull)
    }

    private func lose(_ count: Int, _ counter: Counter) {
        guard count > 0 else { return }
        report.lost.add(count, ordering: .relaxed)
        counters.add(counter, count)
    }

    private func close() {
        guard descriptor >= 0 else { return }
        Glibc.close(descriptor)
        descriptor = -1
    }
}

extension EventSocket {
    /// Bytes of the send buffer that a subscriber's socket asks for.
    private static let sendBufferBytes: Int32 = 1 << 20

    /// A non-blocking datagram socket connected to it, so that refusals are reported; negative when there is nobody.
    func connected() -> Int32 {
        let family =
            switch self {
            case .udp(let address): address.isIPv6 ? AF_INET6 : AF_INET
            case .unix: AF_UNIX
            }
        let type = SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue
        let descriptor = Glibc.socket(family, Int32(type), 0)
        guard descriptor >= 0 else { return -1 }
        _ = cplatform_socket_set_send_buffer(descriptor, Self.sendBufferBytes)
        let result = withSockaddr { connect(descriptor, $0, $1) }
        guard result == 0 else {
            close(descriptor)
            return -1
        }
        return descriptor
    }

    private func withSockaddr(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
        switch self {
        case .udp(let address) where address.isIPv6:
            var form = sockaddr_in6()
            form.sin6_family = sa_family_t(AF_INET6)
            form.sin6_port = address.port.bigEndian
            form.sin6_scope_id = address.scope
            withUnsafeMutableBytes(of: &form.sin6_addr) { bytes in
                bytes.storeBytes(of: address.high.bigEndian, as: UInt64.self)
                bytes.storeBytes(of: address.low.bigEndian, toByteOffset: 8, as: UInt64.self)
            }
            return Self.rebound(&form, body)
        case .udp(let address):
            var form = sockaddr_in()
            form.sin_family = sa_family_t(AF_INET)
            form.sin_port = address.port.bigEndian
            form.sin_addr.s_addr = UInt32(truncatingIfNeeded: address.low).bigEndian
            return Self.rebound(&form, body)
        case .unix(let path):
            var form = sockaddr_un()
            form.sun_family = sa_family_t(AF_UNIX)
            // The path was measured when it was parsed, and the rest is zero.
            withUnsafeMutableBytes(of: &form.sun_path) { $0.copyBytes(from: path.utf8) }
            return Self.rebound(&form, body)
        }
    }

    private static func rebound<Form>(
        _ form: inout Form, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32
    ) -> Int32 {
        withUnsafePointer(to: &form) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<Form>.size)) }
        }
    }
}
