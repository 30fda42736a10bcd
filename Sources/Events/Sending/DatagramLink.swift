import CPlatform
import Glibc
import JSONRPC

/// A subscriber at a datagram socket: one event a datagram, up to 64 a system call.
final class DatagramLink: SubscriberLink {
    private var pending: PendingEvents

    init(socket: EventSocket, report: SubscriberReport, counters: EventCounters, pendingBytesMax: Int) {
        pending = PendingEvents(bytesMax: pendingBytesMax)
        super.init(socket: socket, report: report, counters: counters)
    }

    override var pollEvents: Int16 { !pending.isEmpty && descriptor >= 0 ? Int16(POLLOUT) : 0 }

    override func send(_ batch: borrowing MessageBatch, now: Int) {
        let slices = wanted(batch)
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

    override func proceed(now: Int) {
        while !pending.isEmpty, descriptor >= 0 {
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

    override func end() { lose(pending.count, counters.lostUnsubscribed) }

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

    private func keep(_ bytes: [UInt8], _ slices: ArraySlice<cplatform_slice>) {
        var lost = 0
        for slice in slices where !pending.append(bytes[slice.range]) { lost += 1 }
        lose(lost, counters.lostSubscriberFull)
    }
}
