import CPlatform
import Glibc
import JSONRPC
import Synchronization

/// A subscriber at a TCP port: events back to back on one connection, nothing between them.
///
/// In reliable mode each is a request with an id of its own; the next goes out when it was answered, and when the
/// connection goes before, it goes out again on the next one, with its id. Without it what waited for a connection
/// that went is lost and counted. A connection, a write without progress and an answer may each take the time
/// that `timeout` of `event_stream` says.
final class StreamLink: SubscriberLink {
    private let isReliable: Bool
    private let milliseconds: Int
    private var queue: PendingEvents
    private var isConnecting = false
    /// What of the first waiting event went out, in bytes; in reliable mode of ``request``.
    private var sentOfFirst = 0
    /// The first waiting event as a request (reliable mode).
    private var request: [UInt8] = []
    private var requestID = 0
    private var replies = ReplyScanner()
    /// When the present step must have been taken.
    private var deadline: Int?
    private var isSending = false

    private static let nextID = Atomic<Int>(0)
    private static let readBytes = 16_384

    init(
        socket: EventSocket, report: SubscriberReport, counters: EventCounters, pendingBytesMax: Int,
        options: EventOptions
    ) {
        isReliable = options.isReliable
        milliseconds = options.streamMilliseconds
        queue = PendingEvents(bytesMax: pendingBytesMax)
        super.init(socket: socket, report: report, counters: counters)
    }

    override var pollEvents: Int16 {
        guard descriptor >= 0 else { return 0 }
        return Int16(POLLIN) | (isConnecting || isSending ? Int16(POLLOUT) : 0)
    }

    override var dueAt: Int? {
        if let deadline { return deadline }
        return queue.isEmpty || descriptor >= 0 ? nil : health.retryAt
    }

    override func send(_ batch: borrowing MessageBatch, now: Int) {
        let slices = wanted(batch)
        guard !slices.isEmpty else { return }
        guard isReliable || health.maySend(now: now) else { return lose(slices.count, counters.lostUnreachable) }
        var lost = 0
        let bytes = batch.bytes
        for slice in slices where !queue.append(bytes[slice.range]) { lost += 1 }
        lose(lost, counters.lostSubscriberFull)
        proceed(now: now)
    }

    override func proceed(now: Int) {
        if descriptor >= 0 {
            if isConnecting { finishConnecting(now) }
            if descriptor >= 0, !isConnecting { receive(now) }
            if descriptor >= 0, let deadline, deadline <= now { failed(now) }
        }
        guard !queue.isEmpty, prepare(now), !isConnecting else { return }
        isReliable ? sendRequests(now) : sendAll(now)
    }

    // MARK: Connecting

    private func prepare(_ now: Int) -> Bool {
        if descriptor >= 0 { return true }
        guard health.maySend(now: now) else { return false }
        descriptor = socket.connected()
        guard descriptor >= 0 else {
            failed(now)
            return false
        }
        isConnecting = true
        deadline = now + milliseconds
        finishConnecting(now)
        return descriptor >= 0
    }

    private func finishConnecting(_ now: Int) {
        var entry = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        guard poll(&entry, 1, 0) > 0 else { return }
        var code: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &length)
        guard code == 0 else { return failed(now) }
        isConnecting = false
        deadline = nil
    }

    /// The connection is of no use any more. What waited is lost, but in reliable mode, where it goes out again.
    private func failed(_ now: Int) {
        disconnect()
        health.refused(now: now)
        guard !isReliable else { return }
        lose(queue.count, counters.lostUnreachable)
        queue.removeAll()
    }

    private func disconnect() {
        close()
        isConnecting = false
        isSending = false
        deadline = nil
        sentOfFirst = 0
        replies = ReplyScanner()
    }

    override func end() { lose(queue.count, counters.lostUnsubscribed) }

    /// Given up: nothing that waits will ever be sent.
    func abandon() {
        disconnect()
        lose(queue.count, counters.lostUnreachable)
        queue.removeAll()
        request = []
    }

    // MARK: Sending

    /// As much as the connection takes, in as few calls as it takes.
    private func sendAll(_ now: Int) {
        while let first = queue.waiting.first {
            let start = Int(first.start) + sentOfFirst
            let count = write(queue.bytes, from: start)
            guard count > 0 else { return blocked(now) }
            advance(by: count)
            deadline = nil
        }
        isSending = false
        deadline = nil
    }

    private func advance(by count: Int) {
        var rest = count + sentOfFirst
        var done = 0
        for slice in queue.waiting {
            guard rest >= Int(slice.length) else { break }
            rest -= Int(slice.length)
            done += 1
        }
        sentOfFirst = rest
        queue.removeFirst(done)
        note(sent: done)
    }

    /// Sends the first event as a request, unless it is out already.
    private func sendRequests(_ now: Int) {
        guard let first = queue.waiting.first, request.isEmpty || sentOfFirst < request.count else { return }
        if request.isEmpty {
            requestID = Self.nextID.wrappingAdd(1, ordering: .relaxed).newValue
            request = Array(#"{"id":\#(requestID),"#.utf8) + queue.bytes[first.range].dropFirst()
        }
        deadline = deadline ?? now + milliseconds
        while sentOfFirst < request.count {
            let count = write(request, from: sentOfFirst)
            guard count > 0 else { return blocked(now) }
            sentOfFirst += count
        }
        isSending = false
    }

    /// The bytes that went; 0 when none go now.
    private func write(_ bytes: [UInt8], from start: Int) -> Int {
        let count = bytes[start...].withUnsafeBytes {
            Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT))
        }
        return max(0, count)
    }

    private func blocked(_ now: Int) {
        guard errno == EAGAIN || errno == EINTR || errno == ENOBUFS else { return failed(now) }
        isSending = true
        deadline = deadline ?? now + milliseconds
    }

    // MARK: Answers

    /// Reads what the subscriber says: answers in reliable mode, else nothing of interest but the end.
    private func receive(_ now: Int) {
        var chunk = [UInt8](repeating: 0, count: Self.readBytes)
        while descriptor >= 0 {
            let count = chunk.withUnsafeMutableBytes {
                recv(descriptor, $0.baseAddress, $0.count, Int32(MSG_DONTWAIT))
            }
            if count < 0, errno == EAGAIN || errno == EINTR { return }
            guard count > 0 else { return ended(now) }
            guard isReliable else { continue }
            guard let answers = replies.append(chunk[..<count]) else { return failed(now) }
            for answer in answers { answered(answer) }
        }
    }

    /// The subscriber has closed. That is no fault while nothing waits.
    private func ended(_ now: Int) {
        if queue.isEmpty { disconnect() } else { failed(now) }
    }

    private func answered(_ reply: RPCReply) {
        guard !request.isEmpty, sentOfFirst == request.count, reply.id == .integer(requestID) else { return }
        switch reply.outcome {
        case .success: note(sent: 1)
        case .failure:
            health.sent()
            lose(1, counters.lostRefused)
        }
        queue.removeFirst(1)
        request = []
        sentOfFirst = 0
        deadline = nil
    }
}
