import AsyncHTTPClient
import Bytes
import Glibc
import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// What a transfer brought: filled as far as it came.
struct RESTResult: Sendable {
    /// 0: no reply arrived.
    var status = 0
    var contentType: String?
    var body: [UInt8] = []
    /// The request was on a connection.
    var isConnected = false
}

/// One transfer under way: collects the reply up to the limit. Called on the client's event loop.
final class RESTTransfer: HTTPClientResponseDelegate {
    typealias Response = Void

    /// The reply is longer than `max_transfer_size`.
    struct TooLong: Error {}

    private let bytesMax: Int
    private let connected: @Sendable () -> Void
    private let state = Mutex(RESTResult())

    /// - Parameter connected: called when the request begins to be sent.
    init(bytesMax: Int, connected: @escaping @Sendable () -> Void) {
        self.bytesMax = bytesMax
        self.connected = connected
    }

    /// What has arrived.
    var result: RESTResult { state.withLock { $0 } }

    func didSendRequestHead(task: HTTPClient.Task<Void>, _ head: HTTPRequestHead) {
        state.withLock { $0.isConnected = true }
        connected()
    }

    func didReceiveHead(task: HTTPClient.Task<Void>, _ head: HTTPResponseHead) -> EventLoopFuture<Void> {
        state.withLock { state in
            state.status = Int(head.status.code)
            state.contentType = head.headers.first(name: "Content-Type")
        }
        return task.eventLoop.makeSucceededVoidFuture()
    }

    func didReceiveBodyPart(task: HTTPClient.Task<Void>, _ buffer: ByteBuffer) -> EventLoopFuture<Void> {
        let fits = state.withLock { state in
            guard bytesMax == 0 || state.body.count + buffer.readableBytes <= bytesMax else { return false }
            state.body.append(contentsOf: buffer.readableBytesView)
            return true
        }
        return fits ? task.eventLoop.makeSucceededVoidFuture() : task.eventLoop.makeFailedFuture(TooLong())
    }

    func didFinishRequest(task: HTTPClient.Task<Void>) throws {}
}

/// What the functions return, by the module's documentation.
enum RESTCode {
    static let refused: Int32 = -1
    static let connectTimeout: Int32 = -2
    static let transferTimeout: Int32 = -3
    static let alreadyConnecting: Int32 = -4
    static let internalError: Int32 = -10

    /// - Parameter isConnected: whether the request was on a connection. Before it was, no time that is over is the
    ///   transfer's, whichever of the two times is looked at first.
    static func code(for error: any Error, isConnected: Bool) -> Int32 {
        switch error {
        case let error as HTTPClientError where connectTimeouts.contains(error):
            return connectTimeout
        case let error as HTTPClientError where error == .deadlineExceeded || error == .readTimeout:
            return isConnected ? transferTimeout : connectTimeout
        case ChannelError.connectTimeout:
            return connectTimeout
        case let error as IOError:
            return code(forErrno: error.errnoCode)
        case let error as NIOConnectionError:
            let codes = error.connectionErrors.map { code(for: $0.error, isConnected: isConnected) }
            return codes.first { $0 != internalError } ?? codes.first ?? internalError
        default:
            return internalError
        }
    }

    /// The last is told of a connection that is not there in time while others to the same host are.
    private static let connectTimeouts: [HTTPClientError] = [
        .connectTimeout, .tlsHandshakeTimeout, .getConnectionFromPoolTimeout,
    ]

    private static func code(forErrno code: Int32) -> Int32 {
        switch code {
        case ECONNREFUSED: refused
        case ETIMEDOUT, EHOSTUNREACH, ENETUNREACH: connectTimeout
        default: internalError
        }
    }
}
