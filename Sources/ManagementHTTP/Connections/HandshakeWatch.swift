import NIOCore
import NIOTLS

/// Closes a connection over TLS whose handshake fails or takes too long. Stands behind the TLS handler; on its loop only.
final class HandshakeWatch: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    private let milliseconds: Int64
    private let figures: ConnectionFigures
    private var deadline: Scheduled<Void>?
    private var isDone = false

    init(milliseconds: Int, _ figures: ConnectionFigures) {
        self.milliseconds = Int64(milliseconds)
        self.figures = figures
    }

    func handlerAdded(context: ChannelHandlerContext) {
        let channel = context.channel
        deadline = context.eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(milliseconds)) { [figures] in
            figures.timedOut()
            channel.close(promise: nil)
        }
    }

    func handlerRemoved(context: ChannelHandlerContext) { deadline?.cancel() }

    func channelInactive(context: ChannelHandlerContext) {
        deadline?.cancel()
        context.fireChannelInactive()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if let event = event as? TLSUserEvent, case .handshakeCompleted = event {
            isDone = true
            deadline?.cancel()
        }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if !isDone { figures.handshakeFailed() }
        context.close(promise: nil)
    }
}
