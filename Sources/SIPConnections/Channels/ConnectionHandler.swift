import CPlatform
import NIOCore
import SIPMessage
import SIPTransport
import Synchronization

/// The end of a connection's pipeline: frames what comes in and hands it to the hub, sends what waits.
///
/// Confined to the connection's loop.
final class ConnectionHandler: ChannelInboundHandler, @unchecked Sendable {
    // @unchecked: other threads only name it in what they give to its loop.

    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let hub: ConnectionHub
    let connection: Connection
    private var framer: StreamFramer
    private var context: ChannelHandlerContext?
    private var reason: CloseReason?
    /// When the first byte of the message came that is not whole yet, and the reads since.
    private var messageSince: Int?
    private var chunks = 0
    /// Since when the peer takes nothing.
    private var stalledSince: Int?
    /// Since when the peer sends no more, or we wait for it to close.
    private var halfOpenSince: Int?
    /// What comes in is not read any more: the stream is broken, an answer is under way.
    private var isDiscarding = false
    private var writesPending = 0
    /// Requests that came in, but for ACKs, less the final replies that were sent: how many are unanswered, about.
    private var requestsUnanswered = 0

    init(hub: ConnectionHub, connection: Connection) {
        self.hub = hub
        self.connection = connection
        framer = StreamFramer(limits: hub.options.framing)
    }

    // MARK: life

    func channelActive(context: ChannelHandlerContext) {
        self.context = context
        connection.state.withLock { state in
            state.phase = .open
            state.local = PeerAddress(context.channel.localAddress)
            state.handler = self
        }
        connection.touch()
        hub.opened(self)
        drain()
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.context = nil
        hub.closed(self, reason ?? .peer)
    }

    /// An accepted connection that ended before it was ever active has nobody else to take it out.
    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        if connection.isAccepted, connection.phase != .closed { hub.closed(self, reason ?? .peer) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        close(.error("\(error)"))
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if let event = event as? ChannelEvent, event == .inputClosed { inputEnded() }
        context.fireUserInboundEventTriggered(event)
    }

    /// The peer sends no more. What is due to it is still sent; requests go elsewhere.
    private func inputEnded() {
        guard !isDiscarding, !framer.isInMessage else { return close(reason ?? .peer) }
        halfOpenSince = Connection.now
        connection.state.withLock { if $0.phase == .open { $0.phase = .halfOpen } }
        hub.hide(connection)
        closeIfAnswered()
    }

    /// A peer that sends no more and has all its answers is gone.
    private func closeIfAnswered() {
        if halfOpenSince != nil, !isDiscarding, requestsUnanswered == 0, writesPending == 0,
            connection.bytesWaiting == 0
        {
            close(reason ?? .peer)
        }
    }

    /// Ends it now; what waits does not leave.
    func close(_ reason: CloseReason) {
        if self.reason == nil { self.reason = reason }
        context?.close(promise: nil)
    }

    /// Ends it when what waits has left.
    func closeWhenSent() {
        connection.state.withLock { $0.closesWhenSent = true }
        drain()
        closeIfSent()
    }

    private func closeIfSent() {
        guard let context, writesPending == 0, connection.state.withLock({ $0.closesWhenSent && $0.queue.isEmpty })
        else { return }
        guard isDiscarding else { return close(.asked) }
        // The peer may be in the middle of a message: a reset would take our answer from it before it is read.
        if halfOpenSince == nil {
            halfOpenSince = Connection.now
            context.close(mode: .output, promise: nil)
        }
    }

    /// Looks whether something takes too long. Called a few times a second.
    func check(_ now: Int) {
        let options = hub.options
        if let since = messageSince, now - since > options.messageMilliseconds { return close(.messageTime) }
        if let since = stalledSince, now - since > options.stallMilliseconds { return close(.slowReader) }
        if let since = halfOpenSince, now - since > options.halfOpenMilliseconds { return close(reason ?? .peer) }
        let idle = now - connection.lastUse.load(ordering: .relaxed)
        if idle > options.lifetimeMilliseconds, now > connection.keptUntil.load(ordering: .relaxed) { close(.idle) }
    }

    // MARK: receiving

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let buffer = unwrapInboundIn(data)
        connection.touch()
        connection.bytesIn.add(buffer.readableBytes, ordering: .relaxed)
        hub.statistics.add(hub.statistics.receivedBytes, buffer.readableBytes)
        guard !isDiscarding else { return }
        buffer.withUnsafeReadableBytes { framer.append($0) }
        var isNew = messageSince == nil
        while let item = framer.next() {
            isNew = true
            switch item {
            case .message(let bytes):
                if MessageKind(bytes) == .request { requestsUnanswered += 1 }
                hub.deliver(self, bytes, fault: nil)
            case .ping: pong()
            case .fault(let fault, let head): stop(fault, head)
            }
        }
        noteProgress(isNew)
        pauseIfBehind(context)
    }

    private func noteProgress(_ isNew: Bool) {
        guard framer.isInMessage else {
            messageSince = nil
            return
        }
        if isNew {
            messageSince = Connection.now
            chunks = 1
            return
        }
        chunks += 1
        if hub.options.messageChunksMax > 0, chunks > hub.options.messageChunksMax { close(.messageChunks) }
    }

    private func pong() {
        hub.statistics.add(hub.statistics.keepalives)
        guard hub.options.answersPings else { return }
        _ = connection.enqueue(Connection.Outgoing(bytes: [13, 10], sender: nil), hub.options)
    }

    /// The stream can't be read further. A request is answered first if enough of it is there; those in front of it, which
    /// came in whole, have their answers first as far as their process gives them at once.
    private func stop(_ fault: FramingFault, _ head: [UInt8]) {
        reason = .framing(fault)
        isDiscarding = true
        hub.statistics.add(hub.statistics.framingFaults)
        if head.isEmpty, requestsUnanswered == 0, connection.handed.load(ordering: .relaxed) == 0 {
            close(.framing(fault))
        } else {
            hub.deliver(self, head, fault: fault)
        }
    }

    private func pauseIfBehind(_ context: ChannelHandlerContext) {
        guard connection.handed.load(ordering: .relaxed) >= hub.options.handedMessagesMax else { return }
        guard !connection.isPaused.exchange(true, ordering: .sequentiallyConsistent) else { return }
        hub.statistics.add(hub.statistics.readPauses)
        context.channel.setOption(.autoRead, value: false).whenComplete { _ in }
        // They may all have been taken between the two.
        if connection.handed.load(ordering: .sequentiallyConsistent) <= hub.options.handedMessagesMax / 2 { resume() }
    }

    /// Reads again: the process has caught up.
    func resume() {
        guard connection.isPaused.exchange(false, ordering: .sequentiallyConsistent), let context else { return }
        context.channel.setOption(.autoRead, value: true).whenComplete { _ in }
    }

    // MARK: sending

    /// Bytes that one write takes from the queue at most.
    private static let batchBytesMax = 256 << 10

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable {
            stalledSince = nil
            drain()
        } else {
            stalledSince = Connection.now
        }
        context.fireChannelWritabilityChanged()
    }

    /// Sends what waits, as long as the socket takes it.
    func drain() {
        guard let context else { return }
        while context.channel.isWritable {
            let batch = connection.state.withLock { state in Self.take(&state) }
            if batch.isEmpty { return }
            write(batch, context)
        }
    }

    private static func take(_ state: inout Connection.State) -> [Connection.Outgoing] {
        if state.queueBytes <= batchBytesMax {
            let all = state.queue
            state.queue = []
            state.queueBytes = 0
            if all.isEmpty { state.isDrainDue = false }
            return all
        }
        var count = 0
        var bytes = 0
        while count < state.queue.count, count == 0 || bytes + state.queue[count].bytes.count <= batchBytesMax {
            bytes += state.queue[count].bytes.count
            count += 1
        }
        let batch = Array(state.queue[..<count])
        state.queue.removeFirst(count)
        state.queueBytes -= bytes
        return batch
    }

    /// One buffer, so one system call, for all messages of a batch.
    private func write(_ batch: [Connection.Outgoing], _ context: ChannelHandlerContext) {
        let total = batch.reduce(0) { $0 + $1.bytes.count }
        var buffer = context.channel.allocator.buffer(capacity: total)
        for outgoing in batch {
            buffer.writeBytes(outgoing.bytes)
            if MessageKind(outgoing.bytes) == .finalReply { requestsUnanswered = max(0, requestsUnanswered - 1) }
        }
        writesPending += 1
        let promise = context.eventLoop.makePromise(of: Void.self)
        promise.futureResult.whenComplete { [self] result in
            writesPending -= 1
            switch result {
            case .success: wrote(batch.count, total)
            case .failure: hub.report(batch, connection, reason ?? .peer)
            }
        }
        context.writeAndFlush(wrapOutboundOut(buffer), promise: promise)
    }

    private func wrote(_ messages: Int, _ bytes: Int) {
        connection.touch()
        connection.bytesOut.add(bytes, ordering: .relaxed)
        hub.statistics.add(hub.statistics.sentMessages, messages)
        hub.statistics.add(hub.statistics.sentBytes, bytes)
        if stalledSince != nil { stalledSince = Connection.now }
        closeIfSent()
        closeIfAnswered()
    }
}
