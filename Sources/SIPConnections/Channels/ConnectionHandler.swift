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
    /// Since when the peer takes nothing, and what it had taken by then.
    private var stalledSince: Int?
    private var bytesTaken = 0
    /// Since when the peer sends no more, or we wait for it to close.
    private var halfOpenSince: Int?
    private var hasInputEnded = false
    /// What comes in is not read any more: the stream is broken, an answer is under way.
    private var isDiscarding = false
    /// What broke the stream, until the messages in front of it are handled.
    private var waitingFault: (fault: FramingFault, head: [UInt8])?
    private var writesPending = 0
    /// What those writes are to send.
    private var bytesPending = 0

    init(hub: ConnectionHub, connection: Connection) {
        self.hub = hub
        self.connection = connection
        framer = StreamFramer(limits: hub.options.framing)
    }

    // MARK: life

    func channelActive(context: ChannelHandlerContext) {
        self.context = context
        let descriptor = hub.secondDescriptor(of: context.channel)
        connection.state.withLock { state in
            state.phase = .open
            state.local = PeerAddress(context.channel.localAddress)
            state.handler = self
            state.descriptor = descriptor
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

    /// The peer sends no more, be it in the midst of a message. What is due to it is still sent; requests go elsewhere.
    private func inputEnded() {
        hasInputEnded = true
        messageSince = nil
        halfOpenSince = Connection.now
        connection.state.withLock { if $0.phase == .open { $0.phase = .halfOpen } }
        hub.hide(connection)
        closeIfSent()
        closeIfAnswered()
    }

    /// A peer that sends no more and has all its answers is gone.
    private func closeIfAnswered() {
        if halfOpenSince != nil, !isDiscarding, writesPending == 0, connection.isSent,
            connection.requestsUnanswered.load(ordering: .relaxed) == 0
        {
            close(reason ?? .peer)
        }
    }

    /// Ends it now; what waits does not leave.
    func close(_ reason: CloseReason) {
        if self.reason == nil { self.reason = reason }
        context?.close(promise: nil)
    }

    /// Ends it when what waits has left: `closesWhenSent` was set.
    func closeWhenSent() {
        connection.state.withLock { if $0.sender == .none { $0.sender = .loop } }
        drain()
    }

    private func closeIfSent() {
        guard let context, writesPending == 0, connection.isSent, connection.state.withLock({ $0.closesWhenSent })
        else { return }
        guard isDiscarding, !hasInputEnded else { return close(.asked) }
        // The peer may be in the middle of a message: a reset would take our answer from it before it is read.
        if halfOpenSince == nil {
            halfOpenSince = Connection.now
            context.close(mode: .output, promise: nil)
        }
    }

    /// Looks whether something takes too long. Called a few times a second.
    func check(_ now: Int) {
        let options = hub.options
        // While we do not read, the rest of a message can't come in.
        if let since = messageSince, now - since > options.messageMilliseconds,
            !connection.isPaused.load(ordering: .relaxed)
        {
            return close(.messageTime)
        }
        noteTaken(now)
        if let since = stalledSince, now - since > options.stallMilliseconds { return close(.slowReader) }
        // Nor can messages be answered that wait for their process.
        if halfOpenSince != nil, connection.handed.load(ordering: .relaxed) > 0 { halfOpenSince = now }
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
                if MessageKind(bytes) == .request { connection.requestsUnanswered.add(1, ordering: .relaxed) }
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
        let outcome = connection.enqueue(Connection.Outgoing(bytes: [13, 10], sender: nil), hub.options)
        guard case .due = outcome else { return }
        connection.state.withLock { if $0.sender == .none { $0.sender = .loop } }
        drain()
    }

    /// The stream can't be read further. A request is answered first if enough of it is there; those in front of it,
    /// which came in whole, have their answers first as far as their processes give them at once.
    private func stop(_ fault: FramingFault, _ head: [UInt8]) {
        reason = .framing(fault)
        isDiscarding = true
        hub.statistics.add(hub.statistics.framingFaults)
        waitingFault = (fault, head)
        connection.isStopping.store(true, ordering: .sequentiallyConsistent)
        deliverFault()
    }

    /// Hands the fault to a process, which answers and closes, when all messages in front of it are handled.
    func deliverFault() {
        guard connection.handed.load(ordering: .sequentiallyConsistent) == 0, let (fault, head) = waitingFault
        else { return }
        waitingFault = nil
        connection.isStopping.store(false, ordering: .relaxed)
        if head.isEmpty, connection.requestsUnanswered.load(ordering: .relaxed) == 0 {
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
        if messageSince != nil { messageSince = Connection.now }
        context.channel.setOption(.autoRead, value: true).whenComplete { _ in }
    }

    // MARK: sending

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        drain()
        context.fireChannelWritabilityChanged()
    }

    /// Sends what waits, as long as the socket takes it, unless a process does. Ends the connection if that was what it
    /// waited for.
    func drain() {
        guard let context else { return }
        while context.channel.isWritable {
            let batch = connection.state.withLock { state in take(&state) }
            if batch.isEmpty { break }
            write(batch, context)
        }
        closeIfSent()
        closeIfAnswered()
    }

    /// What is to be written next. Nothing, and nobody is the sender any more, when all has gone out of the channel
    /// too.
    private func take(_ state: inout Connection.State) -> [Connection.Outgoing] {
        guard state.sender == .loop else { return [] }
        if state.queue.isEmpty, writesPending == 0, !state.closesWhenSent { state.sender = .none }
        return state.takeBatch()
    }

    /// One buffer, so one system call, for all messages of a batch.
    private func write(_ batch: [Connection.Outgoing], _ context: ChannelHandlerContext) {
        let total = batch.reduce(0) { $0 + $1.bytesLeft }
        var buffer = context.channel.allocator.buffer(capacity: total)
        for outgoing in batch { buffer.writeBytes(outgoing.bytes[outgoing.offset...]) }
        writesPending += 1
        bytesPending += total
        let promise = context.eventLoop.makePromise(of: Void.self)
        promise.futureResult.whenComplete { [self] result in
            writesPending -= 1
            bytesPending -= total
            switch result {
            case .success: wrote(batch, total)
            case .failure: hub.report(batch, connection, reason ?? .peer)
            }
        }
        context.writeAndFlush(wrapOutboundOut(buffer), promise: promise)
        if writesPending > 0, stalledSince == nil {
            stalledSince = Connection.now
            bytesTaken = takenNow()
        }
    }

    /// A peer that reads slowly is no peer that takes nothing, though no write is done for long: the system's buffers
    /// may be large.
    private func noteTaken(_ now: Int) {
        guard stalledSince != nil else { return }
        let taken = takenNow()
        if taken > bytesTaken { stalledSince = now }
        bytesTaken = taken
    }

    /// Bytes that the peer's system has confirmed, as far as they can be told from those that were written.
    private func takenNow() -> Int {
        let written = connection.bytesOut.load(ordering: .relaxed) + bytesPending
        guard let channel = context?.channel else { return written }
        let options = channel.syncOptions
        let buffered = (try? options?.getOption(.bufferedWritableBytes)) ?? 0
        return written - buffered - ConnectionBinding.bytesUnconfirmed(channel)
    }

    private func wrote(_ batch: [Connection.Outgoing], _ bytes: Int) {
        connection.noteSent(batch)
        connection.bytesOut.add(bytes, ordering: .relaxed)
        hub.statistics.add(hub.statistics.sentMessages, batch.count)
        hub.statistics.add(hub.statistics.sentBytes, bytes)
        guard stalledSince != nil else { return }
        stalledSince = writesPending > 0 ? Connection.now : nil
        // It was not taken at once: nobody is going on with what was queued meanwhile.
        drain()
    }
}
