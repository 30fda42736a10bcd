import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1
import NIOSSL

/// Hummingbird's HTTP/1 connection with a ``ConnectionGuard`` in it, and TLS in front of it where that is wanted.
struct GuardedChannel: ServerChildChannel {
    typealias Value = HTTP1Channel.Value

    private let inner: HTTP1Channel
    private let configuration: HTTPConfiguration
    private let figures: ConnectionFigures
    private let encryption: NIOSSLContext?

    init(
        _ configuration: HTTPConfiguration, _ figures: ConnectionFigures, encryption: NIOSSLContext?,
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
        self.configuration = configuration
        self.figures = figures
        self.encryption = encryption
    }

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        inner.setup(channel: channel, logger: logger).flatMapThrowing { [self] value in
            let pipeline = channel.pipeline.syncOperations
            let decoder = try pipeline.handler(type: ByteToMessageHandler<HTTPRequestDecoder>.self)
            let connection = ConnectionGuard(configuration, figures)
            try pipeline.addHandler(connection, position: .after(decoder))
            try pipeline.addHandler(ByteWatch(connection), position: .first)
            if let encryption {
                let watch = HandshakeWatch(milliseconds: configuration.requestMilliseconds, figures)
                try pipeline.addHandler(watch, position: .first)
                try pipeline.addHandler(NIOSSLServerHandler(context: encryption), position: .first)
            }
            return value
        }
    }

    func handle(value: Value, logger: Logger) async { await inner.handle(value: value, logger: logger) }
}
