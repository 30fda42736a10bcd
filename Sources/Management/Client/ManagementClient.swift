import Glibc
package import JSONRPC
import Synchronization

/// Calls a server's management interface and waits for the answer. Works against SIPRay and the peer alike.
///
/// Blocking, for use off a reactor's thread: command line, tests. Each call uses a fresh reply FIFO or socket, so that
/// a late answer of an earlier call is never taken for this one's.
package struct ManagementClient: Sendable {
    package let endpoint: ManagementEndpoint
    package var timeoutMilliseconds: Int
    /// How many milliseconds more an answer is worth waiting for, asked again and again while it is waited for: the time-out or
    /// this, what is less. None at all is enough for what can be sent without waiting. nil: the time-out alone.
    package var patience: (@Sendable () -> Int)?
    /// How bytes travel over TLS; nil where no endpoint wants that.
    let encryption: (any SecureExchanging)?

    /// How long an answer may be waited for.
    package static let timeoutMillisecondsRange = 1...86_400_000
    /// Most bytes of a reply that are read.
    package static let replyBytesMax = 64 << 20
    /// Most bytes of a datagram in either direction, as the peer has it.
    package static let datagramBytesMax = 65457

    package init(
        _ endpoint: ManagementEndpoint, timeoutMilliseconds: Int = 5000, encryption: (any SecureExchanging)? = nil
    ) {
        precondition(!endpoint.isSecure || encryption != nil, "ManagementClient for https without encryption")
        self.endpoint = endpoint
        self.encryption = encryption
        precondition(Self.timeoutMillisecondsRange ~= timeoutMilliseconds, "ManagementClient: a timeout of no day")
        self.timeoutMilliseconds = timeoutMilliseconds
    }

    /// Calls a command; an error of the server is thrown as ``ManagementClientError/refused(_:)``.
    package func call(
        _ method: String, _ parameters: RPCParameters = .none
    ) throws(ManagementClientError) -> JSONValue {
        let id = Self.nextID.wrappingAdd(1, ordering: .relaxed).newValue
        let request = RPCRequest(method: method, parameters: parameters, id: .integer(id))
        let bytes = try exchange(request.serialized())
        let value: JSONValue
        do throws(JSONError) {
            value = try JSONParser.parse(bytes, limits: JSONLimits(textBytesMax: Self.replyBytesMax))
        } catch {
            throw .badReply("\(error): \(String(decoding: bytes.prefix(200), as: UTF8.self))")
        }
        guard let reply = RPCReply(value) else { throw .badReply(String(decoding: bytes.prefix(200), as: UTF8.self)) }
        switch reply.outcome {
        case .success(let result): return result
        case .failure(let error): throw .refused(error)
        }
    }

    /// Sends request bytes and gives the bytes of the answer, whatever they are.
    package func exchange(_ request: [UInt8]) throws(ManagementClientError) -> [UInt8] {
        let deadline = Deadline(milliseconds: timeoutMilliseconds, patience: patience)
        return switch endpoint {
        case .fifo(let path, let replyDirectory):
            try exchange(request, fifo: path, replyDirectory: replyDirectory, deadline)
        case .udp(let host, let port): try exchange(request, host: host, port: port, deadline)
        case .unix(let path): try exchange(request, unix: path, deadline)
        case .http(let location): try exchange(request, http: location, deadline)
        }
    }

    static let nextID = Atomic<Int>(0)

    /// Waits until the descriptor is ready; `false` when the deadline comes first.
    func wait(_ descriptor: Int32, for events: Int32, _ deadline: Deadline) -> Bool {
        while true {
            var entry = pollfd(fd: descriptor, events: Int16(events), revents: 0)
            let ready = poll(&entry, 1, Int32(clamping: deadline.millisecondsToLook))
            if ready > 0 { return true }
            if ready < 0, errno != EINTR { return false }
            if deadline.millisecondsLeft == 0 { return false }
        }
    }

    func noAnswer(_ deadline: Deadline) -> ManagementClientError {
        .noAnswer(endpoint, milliseconds: deadline.millisecondsWaited)
    }
}

/// Sends bytes over TLS on a connection of its own and gives what comes back. This target knows no TLS
/// (docs/decisions/0005): it is handed in by who makes the client.
package protocol SecureExchanging: Sendable {
    /// Blocks until the deadline at most.
    ///
    /// - Parameter isComplete: asked after each read, of all that came; when it says so, or the server closes, that is
    ///   the answer.
    func exchange(
        _ request: [UInt8], with location: HTTPLocation, _ deadline: Deadline,
        isComplete: @escaping @Sendable ([UInt8]) -> Bool
    ) throws(ManagementClientError) -> [UInt8]
}

/// A point of time on the monotonic clock, which may come nearer while it is waited for.
package struct Deadline: Sendable {
    private let start: Int
    private let milliseconds: Int
    private let patience: (@Sendable () -> Int)?

    /// How long it may take to see that patience has ended.
    package static let lookMilliseconds = 50
    /// What a kernel or a loopback connection needs is waited for even without patience.
    private static let millisecondsMin = 10

    init(milliseconds: Int, patience: (@Sendable () -> Int)? = nil) {
        start = Self.now()
        self.milliseconds = milliseconds
        self.patience = patience
    }

    package var millisecondsLeft: Int {
        let waited = Self.now() - start
        guard let patience else { return max(0, milliseconds - waited) }
        return max(0, min(milliseconds - waited, max(patience(), Self.millisecondsMin - waited)))
    }

    /// How long to wait before it is looked again whether it has come nearer.
    var millisecondsToLook: Int { patience == nil ? millisecondsLeft : min(millisecondsLeft, Self.lookMilliseconds) }

    /// For saying how long it was waited.
    package var millisecondsWaited: Int { min(milliseconds, Self.now() - start) }

    private static func now() -> Int {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return time.tv_sec * 1000 + time.tv_nsec / 1_000_000
    }
}

/// The text of `errno`.
func errorText(_ code: Int32 = errno) -> String {
    strerror(code).map { String(cString: $0) } ?? "error \(code)"
}
