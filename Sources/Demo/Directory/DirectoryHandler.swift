import NIOCore
import NIOHTTP1

/// One connection of the directory: a request, the wait, the answer, the next request.
final class DirectoryHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let delay: TimeAmount
    private let figures: DirectoryFigures
    private var path = ""

    init(delay: TimeAmount, figures: DirectoryFigures) {
        self.delay = delay
        self.figures = figures
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head): path = head.uri
        case .body: break
        case .end:
            guard let home = Self.home(of: path) else { return answer(context, .notFound, "") }
            figures.begin()
            context.eventLoop.assumeIsolated().scheduleTask(in: delay) { [self] in
                figures.end()
                answer(context, .ok, home)
            }
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    /// The name under which a ported number is registered now.
    private static func home(of path: String) -> String? {
        let prefix = "/ported/ported"
        guard path.hasPrefix(prefix) else { return nil }
        return "moved" + path.dropFirst(prefix.count)
    }

    private func answer(_ context: ChannelHandlerContext, _ status: HTTPResponseStatus, _ text: String) {
        let body = context.channel.allocator.buffer(string: text)
        let head = HTTPResponseHead(
            version: .http1_1, status: status,
            headers: ["Content-Type": "text/plain", "Content-Length": String(body.readableBytes)])
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.write(wrapOutboundOut(.body(.byteBuffer(body))), promise: nil)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    }
}
