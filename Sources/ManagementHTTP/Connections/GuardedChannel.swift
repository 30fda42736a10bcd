import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1

/// Hummingbird's HTTP/1 connection with a ``ConnectionGuard`` in it.
struct GuardedChannel: ServerChildChannel {
    typealias Value = HTTP1Channel.Value

    private let inner: HTTP1Channel
    private let makeGuard: @Sendable () -> ConnectionGuard

    init(
        _ configuration: HTTPConfiguration, _ figures: ConnectionFigures,
        responder: @escaping HTTPChannelHandler.Responder
    ) {
        inner = HTTP1Channel(
            responder: responder,
            configuration: HTTP1Channel.Configuration(
                additionalChannelHandlers: [],
                httpDecoderConfiguration: HTTP1Channel.Configuration.DecoderConfiguration(
                    maxHeaderFieldSize: HTTPConfiguration.headerBytesMax,
                    maxHeaderListSize: HTTPConfiguration.headerBytesMax,
                    maxHeaderFieldCount: HTTPConfiguration.headersMax)))
        makeGuard = { ConnectionGuard(configuration, figures) }
    }

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        inner.setup(channel: channel, logger: logger).flatMapThrowing { [makeGuard] value in
            let pipeline = channel.pipeline.syncOperations
            let decoder = try pipeline.handler(type: ByteToMessageHandler<HTTPRequestDecoder>.self)
            let connection = makeGuard()
            try pipeline.addHandler(connection, position: .after(decoder))
            try pipeline.addHandler(ByteWatch(connection), position: .first)
            return value
        }
    }

    func handle(value: Value, logger: Logger) async { await inner.handle(value: value, logger: logger) }
}
