import CPlatform
package import Reactor

/// The listeners that the kernel's routes lead to (`mhomed`): of several addresses of one transport and family, the one that a
/// packet to the destination would leave by. Confined to one thread.
///
/// A look-up is four system calls. Its answer counts for `answerMilliseconds`, so that a process makes one in that time for each
/// address it sends to; where the listeners of a transport and family have one host there is nothing to choose, and none is made.
package final class RoutedListeners {
    /// Answers in memory; past them all are forgotten.
    package static let answersMax = 1024
    /// How long a route that has changed may still be followed.
    package static let answerMilliseconds = 5_000

    private struct Answer {
        /// nil: no route.
        let source: SocketAddress?
        let until: Int
    }

    private let listeners: [ListenSocket]
    private let now: () -> Int
    private let source: (SocketAddress) -> SocketAddress?
    private var answers: [SocketAddress: Answer] = [:]

    /// - Parameters:
    ///   - now: milliseconds.
    ///   - source: the address that the kernel would send from.
    package init(
        _ listeners: [ListenSocket], now: @escaping () -> Int,
        source: @escaping (SocketAddress) -> SocketAddress? = RoutedListeners.kernelSource
    ) {
        self.listeners = listeners
        self.now = now
        self.source = source
    }

    /// The listener of the route's address: `inbound` if it has that, else one with its port, else the first. nil: there is nothing
    /// to choose, no route, or nothing listens on its address.
    package func socket(for destination: Destination, like inbound: ListenSocket?) -> ListenSocket? {
        guard isChoice(destination), let source = route(to: destination.address) else { return nil }
        var found: ListenSocket?
        for listener in listeners where fits(listener, destination) && listener.address.hasSameHost(as: source) {
            if listener == inbound { return listener }
            if found == nil || listener.address.port == inbound?.address.port { found = listener }
        }
        return found
    }

    /// What `connect` and `getsockname` of a UDP socket say; nil: no route.
    package static func kernelSource(of destination: SocketAddress) -> SocketAddress? {
        var to = destination.platform
        if to.port == 0 { to.port = 5060 }
        var from = cplatform_address()
        guard cplatform_route_source(&to, &from) == 0 else { return nil }
        return SocketAddress(from)
    }

    private func fits(_ listener: ListenSocket, _ destination: Destination) -> Bool {
        listener.transport == destination.transport && listener.address.family == destination.address.family
    }

    private func isChoice(_ destination: Destination) -> Bool {
        var first: ListenSocket?
        for listener in listeners where fits(listener, destination) {
            guard let known = first else {
                first = listener
                continue
            }
            if !listener.address.hasSameHost(as: known.address) { return true }
        }
        return false
    }

    private func route(to address: SocketAddress) -> SocketAddress? {
        let host = address.with(port: 0)
        let time = now()
        if let known = answers[host], known.until > time { return known.source }
        if answers.count >= Self.answersMax { answers.removeAll(keepingCapacity: true) }
        let found = source(host)
        answers[host] = Answer(source: found, until: time + Self.answerMilliseconds)
        return found
    }
}
