import Glibc
import NIOCore
import Synchronization

// How bytes get from the queue into the socket: by the SIP process that queued them, which saves two hops between
// threads and a system call, while the socket takes all that it is given; by the connection's loop as soon as something
// has to wait (docs/decisions/0007-processes-write-to-connections.md).
//
// ```
//  none ── queued ──► none (due) ── claimed at the end of a pass ──► process ── all taken ──► none
//                        │                                             │
//                        └── half open, closing, no descriptor ──► loop ◄── not all taken
//                                                                   └── nothing left anywhere ──► none
// ```

extension Connection {
    enum Enqueued: Equatable {
        /// It leaves: whoever is sending has it in view.
        case taken
        /// It waits for `sendDue` of the one who queued it; so many bytes do.
        case due(bytes: Int)
        /// Nothing goes over it any more.
        case closed
        /// More waits than may.
        case full
    }

    /// Puts bytes behind what waits. Any thread; who gets `due` calls `sendDue` soon.
    func enqueue(_ outgoing: Outgoing, _ options: ConnectionOptions) -> Enqueued {
        var drainer: ConnectionHandler?
        let outcome: Enqueued = state.withLock { state in
            guard state.phase != .closed, !state.closesWhenSent else { return .closed }
            guard state.queue.count < options.queueMessagesMax,
                state.queueBytes + outgoing.bytes.count <= options.queueBytesMax
            else { return .full }
            state.queue.append(outgoing)
            state.queueBytes += outgoing.bytes.count
            guard state.sender == .none else { return .taken }
            if state.phase == .open, state.descriptor >= 0 { return .due(bytes: state.queueBytes) }
            state.sender = .loop
            drainer = state.handler
            return .taken
        }
        if let drainer { loop.execute { drainer.drain() } }
        return outcome
    }

    /// Batches that one process sends in a row before the loop takes over: others may queue as fast as it sends.
    private static let batchesInARowMax = 4

    private enum Next {
        case batch([Outgoing], to: Int32)
        case done
        /// The loop is to go on.
        case handOver(ConnectionHandler?)
    }

    /// Sends what is queued, unless somebody does already. On the thread of a SIP process.
    ///
    /// Budget: one system call for all that waits, two short locks, no copy for one message.
    ///
    /// - Parameters:
    ///   - scratch: where several messages are put together.
    ///   - sent: called with messages and bytes that left.
    ///   - lost: what did not leave, when the connection ended meanwhile.
    func sendDue(scratch: inout [UInt8], sent: (_ messages: Int, _ bytes: Int) -> Void, lost: ([Outgoing]) -> Void) {
        var next = state.withLock { state -> Next in
            // Closed: `end` has taken the queue. Another sender: it looks at the queue when it has sent.
            guard state.sender == .none, state.phase != .closed, !state.queue.isEmpty else { return .done }
            return claim(&state)
        }
        var batches = 0
        while case .batch(let batch, let descriptor) = next {
            batches += 1
            let count = Self.write(batch, to: descriptor, &scratch)
            let rest = Self.rest(of: batch, from: max(0, count))
            noteSent(batch, less: rest.count)
            bytesOut.add(max(0, count), ordering: .relaxed)
            sent(batch.count - rest.count, max(0, count))
            var left: [Outgoing] = []
            var ended: Int32 = -1
            next = state.withLock { state in
                if state.phase == .closed {
                    (ended, state.descriptor, state.sender) = (state.descriptor, -1, .none)
                    left = rest
                    return .done
                }
                if !rest.isEmpty {
                    state.queue.insert(contentsOf: rest, at: 0)
                    state.queueBytes += rest.reduce(0) { $0 + $1.bytesLeft }
                }
                if rest.isEmpty, state.phase == .open, !state.closesWhenSent {
                    state.sender = .none
                    if state.queue.isEmpty { return .done }
                    if batches < Self.batchesInARowMax { return claim(&state) }
                }
                state.sender = .loop
                return .handOver(state.handler)
            }
            if ended >= 0 { Glibc.close(ended) }
            if !left.isEmpty { lost(left) }
        }
        if case .handOver(let handler?) = next { loop.execute { handler.drain() } }
    }

    private func claim(_ state: inout State) -> Next {
        guard state.phase == .open, state.descriptor >= 0, !state.closesWhenSent else {
            state.sender = .loop
            return .handOver(state.handler)
        }
        state.sender = .process
        return .batch(state.takeBatch(), to: state.descriptor)
    }

    /// The bytes that the socket took; less than 0 for an error, which the loop's own write will meet and tell.
    private static func write(_ batch: [Outgoing], to descriptor: Int32, _ scratch: inout [UInt8]) -> Int {
        if batch.count == 1 { return batch[0].bytes.withUnsafeBytes { write($0[batch[0].offset...], to: descriptor) } }
        scratch.removeAll(keepingCapacity: true)
        for outgoing in batch { scratch.append(contentsOf: outgoing.bytes[outgoing.offset...]) }
        return scratch.withUnsafeBytes { write($0[...], to: descriptor) }
    }

    private static func write(_ bytes: Slice<UnsafeRawBufferPointer>, to descriptor: Int32) -> Int {
        let all = UnsafeRawBufferPointer(rebasing: bytes)
        while true {
            let count = unsafe Glibc.send(
                descriptor, all.baseAddress, all.count, Int32(MSG_DONTWAIT | MSG_NOSIGNAL))
            if count >= 0 || errno != EINTR { return count }
        }
    }

    /// What of a batch has not left when so many bytes of it have.
    private static func rest(of batch: [Outgoing], from bytes: Int) -> [Outgoing] {
        var left = bytes
        for (index, outgoing) in batch.enumerated() {
            if left < outgoing.bytesLeft {
                var rest = Array(batch[index...])
                rest[0].offset += left
                return rest
            }
            left -= outgoing.bytesLeft
        }
        return []
    }

    /// Final replies among what has left.
    func noteSent(_ batch: [Outgoing], less rest: Int = 0) {
        touch()
        for outgoing in batch.dropLast(rest) where MessageKind(outgoing.bytes) == .finalReply {
            var present = requestsUnanswered.load(ordering: .relaxed)
            while present > 0 {
                let (exchanged, original) = requestsUnanswered.weakCompareExchange(
                    expected: present, desired: present - 1, ordering: .relaxed)
                if exchanged { break }
                present = original
            }
        }
    }

    /// Everything that was queued has left the queue, and no process is about to send it.
    var isSent: Bool { state.withLock { $0.queue.isEmpty && $0.sender != .process } }

    /// Takes it out of service: what waited is given back, once.
    func end() -> [Outgoing] {
        var descriptor: Int32 = -1
        let left = state.withLock { state in
            state.phase = .closed
            let left = state.queue
            state.queue = []
            state.queueBytes = 0
            state.handler = nil
            // A process that is writing closes it when it has done so.
            if state.sender != .process { swap(&descriptor, &state.descriptor) }
            return left
        }
        if descriptor >= 0 { Glibc.close(descriptor) }
        return left
    }
}

extension Connection.State {
    /// Bytes that one write takes from the queue at most, but for a single message that is longer.
    private static let batchBytesMax = 256 << 10

    mutating func takeBatch() -> [Connection.Outgoing] {
        if queueBytes <= Self.batchBytesMax {
            var all: [Connection.Outgoing] = []
            swap(&all, &queue)
            queueBytes = 0
            return all
        }
        var count = 0
        var bytes = 0
        while count < queue.count, count == 0 || bytes + queue[count].bytesLeft <= Self.batchBytesMax {
            bytes += queue[count].bytesLeft
            count += 1
        }
        let batch = Array(queue[..<count])
        queue.removeFirst(count)
        queueBytes -= bytes
        return batch
    }
}
