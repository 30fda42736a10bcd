import NIOCore
import NIOHTTP1
import Synchronization

/// Holds one connection to the limits: how many there are, how long a request may take to come in and an answer to be
/// read, how much a body may bring. Who crosses one is told why (408, 413, 503), behind the answers that are due
/// before, and closed.
///
/// Stands between the HTTP decoder and the rest, so that what it refuses is held nowhere. On the connection's loop only.
final class ConnectionGuard: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    private let configuration: HTTPConfiguration
    private let figures: ConnectionFigures
    private var context: ChannelHandlerContext?
    /// Requests whose head came and whose answer did not leave yet.
    private var open = 0
    /// Those of them up to the one after whose answer the connection is closed; nil: it stays.
    private var openUntilClose: Int?
    /// The last of them is not whole yet.
    private var isLastPartial = false
    /// The last of them waits to be told to go on (RFC 9110 §10.1.1).
    private var isContinueDue = false
    private var isReadingRequest = false
    private var hasBytesOfNext = false
    private var bodyBytes = 0
    /// Bytes of the body of each request whose answer did not leave yet, the oldest first.
    private var heldBytes = CircularBuffer<Int>()
    /// What is said when the answers in front of it have left.
    private var refusal: Refusal?
    /// What still comes in is dropped.
    private var isDeaf = false
    /// Nothing is written any more.
    private var isOver = false
    private var isCounted = false
    private var deadline: Scheduled<Void>?
    private var answerDeadline: Scheduled<Void>?

    private struct Refusal {
        var status: HTTPResponseStatus
        var reason: String
    }

    private static let lingerMilliseconds: Int64 = 1000

    init(_ configuration: HTTPConfiguration, _ figures: ConnectionFigures) {
        self.configuration = configuration
        self.figures = figures
    }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) {
        release()
        self.context = nil
    }

    func channelActive(context: ChannelHandlerContext) {
        isCounted = true
        let count = figures.connections.add(1, ordering: .relaxed).newValue
        context.fireChannelActive()
        if count > configuration.connectionsMax {
            figures.connectionRefused()
            refuse(
                Refusal(
                    status: .serviceUnavailable,
                    reason: "there are \(configuration.connectionsMax) connections already"), context)
        } else {
            waitForRequest(context)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        release()
        context.fireChannelInactive()
    }

    private func release() {
        deadline?.cancel()
        answerDeadline?.cancel()
        if isCounted { figures.connections.subtract(1, ordering: .relaxed) }
        isCounted = false
        giveBackAll()
    }

    private func giveBackAll() { while !heldBytes.isEmpty { giveBackFirst() } }

    private func giveBackFirst() {
        guard let bytes = heldBytes.popFirst(), bytes > 0 else { return }
        figures.bodyBytes.subtract(bytes, ordering: .relaxed)
    }

    // MARK: Requests

    /// Bytes came in, before they are decoded.
    func bytesCame() {
        guard let context, !isDeaf else { return }
        hasBytesOfNext = true
        if !isReadingRequest, open == 0 { requestBegins(context) }
    }

    private func requestBegins(_ context: ChannelHandlerContext) {
        isReadingRequest = true
        schedule(context, configuration.requestMilliseconds) { [self] context in
            figures.timedOut()
            refuseRequest(
                .requestTimeout, "the request is not complete after \(configuration.requestMilliseconds) ms", context)
        }
    }

    /// Between requests: idle connections are closed after a while, those that hold the beginning of one sooner.
    private func waitForRequest(_ context: ChannelHandlerContext) {
        isReadingRequest = false
        if hasBytesOfNext { return requestBegins(context) }
        guard configuration.idleSeconds > 0 else { return }
        schedule(context, configuration.idleSeconds * 1000) { context in context.close(promise: nil) }
    }

    private func schedule(
        _ context: ChannelHandlerContext, _ milliseconds: Int, _ body: @escaping (ChannelHandlerContext) -> Void
    ) {
        deadline?.cancel()
        deadline = context.eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(Int64(milliseconds))) {
            [weak self] in
            guard let self, let context = self.context else { return }
            body(context)
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isDeaf else { return }
        let part = unwrapInboundIn(data)
        switch part {
        case .head(let head): headCame(head, context)
        case .body(let bytes): bodyCame(bytes.readableBytes, context)
        case .end:
            hasBytesOfNext = false
            isReadingRequest = false
            (isLastPartial, isContinueDue) = (false, false)
            deadline?.cancel()
        }
        guard !isDeaf else { return }
        context.fireChannelRead(data)
        // RFC 9112 §9.6: what follows the request that closes is not carried out.
        if case .end = part, openUntilClose != nil { isDeaf = true }
    }

    private func headCame(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        figures.requestCame()
        if !isReadingRequest { requestBegins(context) }
        bodyBytes = 0
        if let length = head.headers.first(name: "content-length").flatMap({ Int($0) }),
            length > configuration.bodyBytesMax
        {
            return refuseBody(context)
        }
        open += 1
        heldBytes.append(0)
        isLastPartial = true
        if !head.isKeepAlive { openUntilClose = open }
        isContinueDue = head.headers.first(name: "expect")?.lowercased() == "100-continue"
        continueIfDue(context)
    }

    /// Behind the answers to the requests before it.
    private func continueIfDue(_ context: ChannelHandlerContext) {
        guard isContinueDue, open == 1 else { return }
        isContinueDue = false
        let head = HTTPResponseHead(version: .http1_1, status: .continue)
        context.writeAndFlush(wrapOutboundOut(.head(head)), promise: nil)
    }

    private func bodyCame(_ count: Int, _ context: ChannelHandlerContext) {
        bodyBytes += count
        guard bodyBytes <= configuration.bodyBytesMax else { return refuseBody(context) }
        heldBytes[heldBytes.index(before: heldBytes.endIndex)] += count
        let total = figures.bodyBytes.add(count, ordering: .relaxed).newValue
        guard total <= configuration.bodyBytesTotalMax else {
            return refuseRequest(.serviceUnavailable, "too much is being received at once", context)
        }
    }

    private func refuseBody(_ context: ChannelHandlerContext) {
        refuseRequest(.payloadTooLarge, "the body has more than \(configuration.bodyBytesMax) bytes", context)
    }

    /// Refuses the request that comes in, when those before it have their answers. Nothing behind it is read.
    private func refuseRequest(_ status: HTTPResponseStatus, _ reason: String, _ context: ChannelHandlerContext) {
        figures.requestRefused()
        deadline?.cancel()
        (isDeaf, isContinueDue) = (true, false)
        openUntilClose = nil
        // Its answer is not given by anybody else.
        if isLastPartial { open -= 1 }
        let refusal = Refusal(status: status, reason: reason)
        if open == 0 { refuse(refusal, context) } else { self.refusal = refusal }
    }

    // MARK: Answers

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard !isOver else { return promise?.fail(ChannelError.ioOnClosedChannel) ?? () }
        switch unwrapOutboundIn(data) {
        case .head(var head):
            if head.status.code >= 400 { figures.requestRefused() }
            // Whoever writes `close` himself ends the connection: the answer to what could not be parsed.
            if head.headers.contains(name: "connection") { openUntilClose = 1 }
            if openUntilClose == 1 { head.headers.replaceOrAdd(name: "connection", value: "close") }
            context.write(wrapOutboundOut(.head(head)), promise: promise)
        case .body: context.write(data, promise: promise)
        case .end: answered(context, data, promise)
        }
    }

    private func answered(_ context: ChannelHandlerContext, _ data: NIOAny, _ promise: EventLoopPromise<Void>?) {
        open = max(0, open - 1)
        giveBackFirst()
        let written = promise ?? context.eventLoop.makePromise(of: Void.self)
        context.write(data, promise: written)
        watchReading(context, written.futureResult)
        if let count = openUntilClose { openUntilClose = count - 1 }
        if openUntilClose == 0 {
            context.flush()
            linger(context)
        } else if open == 0, let refusal {
            refuse(refusal, context)
        } else if open == 0, !isReadingRequest {
            waitForRequest(context)
        } else {
            continueIfDue(context)
        }
    }

    /// Closes when the client does not read its answer.
    private func watchReading(_ context: ChannelHandlerContext, _ written: EventLoopFuture<Void>) {
        answerDeadline?.cancel()
        let scheduled = context.eventLoop.assumeIsolated().scheduleTask(
            in: .milliseconds(Int64(configuration.answerMilliseconds))
        ) { [weak self] in
            guard let self, let context = self.context else { return }
            figures.timedOut()
            context.close(promise: nil)
        }
        answerDeadline = scheduled
        written.whenComplete { _ in scheduled.cancel() }
    }

    /// Answers with a reason and closes; what still comes in is dropped.
    private func refuse(_ refusal: Refusal, _ context: ChannelHandlerContext) {
        guard !isOver else { return }
        giveBackAll()
        var body = context.channel.allocator.buffer(capacity: refusal.reason.utf8.count + 1)
        body.writeString(refusal.reason + "\n")
        let headers: HTTPHeaders = [
            "content-type": "text/plain", "content-length": String(body.readableBytes), "connection": "close",
        ]
        let head = HTTPResponseHead(version: .http1_1, status: refusal.status, headers: headers)
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.write(wrapOutboundOut(.body(.byteBuffer(body))), promise: nil)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        linger(context)
    }

    /// Closes our side, and the other a moment later: closing at once would take the answer away from a client that
    /// still writes.
    private func linger(_ context: ChannelHandlerContext) {
        deadline?.cancel()
        (isDeaf, isOver) = (true, true)
        context.close(mode: .output, promise: nil)
        deadline = context.eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(Self.lingerMilliseconds)) {
            [weak self] in
            self?.context?.close(promise: nil)
        }
    }
}

/// Tells the guard of bytes before they are decoded: it stands first.
final class ByteWatch: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    private let connection: ConnectionGuard

    init(_ connection: ConnectionGuard) { self.connection = connection }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        connection.bytesCame()
        context.fireChannelRead(data)
    }
}
