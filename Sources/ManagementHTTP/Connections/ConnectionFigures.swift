import Reactor
import Synchronization

/// What the connections have in common: how many there are, how much they hold, and the figures of group `httpd`.
final class ConnectionFigures: Sendable {
    let connections = Atomic<Int>(0)
    /// Bytes of bodies that came in and are not answered yet.
    let bodyBytes = Atomic<Int>(0)
    private let statistics: Statistics
    private let requests: Counter
    private let refusedRequests: Counter
    private let refusedConnections: Counter
    private let timeouts: Counter
    private let handshakeFailures: Counter

    init(_ statistics: Statistics) {
        self.statistics = statistics
        requests = statistics.counter(group: "httpd", name: "requests")
        refusedRequests = statistics.counter(group: "httpd", name: "refused_requests")
        refusedConnections = statistics.counter(group: "httpd", name: "refused_connections")
        timeouts = statistics.counter(group: "httpd", name: "timeouts")
        handshakeFailures = statistics.counter(group: "httpd", name: "handshake_failures")
        statistics.gauge(group: "httpd", name: "connections") { [weak self] in
            self?.connections.load(ordering: .relaxed) ?? 0
        }
        statistics.gauge(group: "httpd", name: "body_bytes") { [weak self] in
            self?.bodyBytes.load(ordering: .relaxed) ?? 0
        }
    }

    func requestCame() { statistics.shared.add(requests, 1) }
    func requestRefused() { statistics.shared.add(refusedRequests, 1) }
    func connectionRefused() { statistics.shared.add(refusedConnections, 1) }
    func timedOut() { statistics.shared.add(timeouts, 1) }
    func handshakeFailed() { statistics.shared.add(handshakeFailures, 1) }
}
