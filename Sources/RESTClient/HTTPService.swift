import AsyncHTTPClient
import NIOCore
import NIOPosix
import Synchronization

/// The HTTP client and its event loop, made when the server starts. Any thread.
///
/// One loop serves all processes: it moves bytes only; what scripts do with them they do on their processes.
final class HTTPService: Sendable {
    private struct State {
        var client: HTTPClient?
        var group: MultiThreadedEventLoopGroup?
        var isStopped = false
    }

    private let state = Mutex(State())
    private let settings: RESTSettings

    init(_ settings: RESTSettings) {
        self.settings = settings
    }

    /// The client and its loop; nil once the server is stopping.
    var running: (client: HTTPClient, loop: any EventLoop)? {
        state.withLock { state in
            guard !state.isStopped else { return nil }
            let group = state.group ?? MultiThreadedEventLoopGroup(numberOfThreads: 1)
            let client =
                state.client
                ?? HTTPClient(eventLoopGroupProvider: .shared(group), configuration: settings.configuration)
            (state.group, state.client) = (group, client)
            return (client, group.next())
        }
    }

    /// Cancels all transfers and ends the loop. After the processes have ended; at most once.
    func stop() {
        let (client, group) = state.withLock { state in
            state.isStopped = true
            defer { (state.client, state.group) = (nil, nil) }
            return (state.client, state.group)
        }
        // What fails here is of no use to anybody: the server ends.
        try? client?.syncShutdown()
        try? group?.syncShutdownGracefully()
    }
}
