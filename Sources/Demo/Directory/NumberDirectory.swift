import NIOCore
import NIOHTTP1
import NIOPosix

/// A slow HTTP service, as scripts have to live with: it knows where a ported number lives now, and takes its time.
///
/// `GET /ported/portedN` is answered 200 with the text `movedN` after a delay, anything else with 404 at once. On a NIO loop of
/// its own. Listens from `init` to `stop`.
package final class NumberDirectory: Sendable {
    /// Where it listens: `http://127.0.0.1:40001`.
    package let url: String
    package let delayMilliseconds: Int
    private let figures: DirectoryFigures
    private let group: MultiThreadedEventLoopGroup

    package var answered: Int { figures.answered }
    /// Requests that waited at the same moment, at the most.
    package var waitingMax: Int { figures.waitingMax }

    /// Listens on a free port of `host`.
    /// - Throws: when none can be had.
    package init(host: String, delayMilliseconds: Int) throws {
        let figures = DirectoryFigures()
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let bootstrap = ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 1024)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    try pipeline.configureHTTPServerPipeline()
                    try pipeline.addHandler(
                        DirectoryHandler(delay: .milliseconds(Int64(delayMilliseconds)), figures: figures))
                }
            }
        do {
            let channel = try bootstrap.bind(host: host, port: 0).wait()
            url = "http://\(host):\(channel.localAddress?.port ?? 0)"
        } catch {
            try? group.syncShutdownGracefully()
            throw error
        }
        self.figures = figures
        self.group = group
        self.delayMilliseconds = delayMilliseconds
    }

    /// Ends it, with whatever it has not answered.
    package func stop() { try? group.syncShutdownGracefully() }
}
