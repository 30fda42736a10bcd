import Bytes
package import Reactor

/// Settings of name resolution, each with its default.
package struct ResolverOptions: Hashable, Sendable {
    /// Name servers as `address` or `address:port`; empty: the system's (`/etc/resolv.conf`).
    package var servers: [String] = []
    /// What one server is given to answer, and how often all are asked.
    package var timeoutMilliseconds = 1500
    package var tries = 2
    /// What a whole lookup may take (NAPTR, SRV and addresses together).
    package var lookupMillisecondsMax = 8000
    /// Names without enough dots are tried with the system's search list.
    package var usesSearchList = false
    package var usesNAPTR = true
    package var usesSRV = true
    /// The transports that this server has, in order of preference.
    package var transports: [Transport] = [.udp]
    /// The address families that this server has, in order of preference.
    package var families: [SocketAddress.Family] = [.ipv4, .ipv6]
    /// Answers kept, over all processes.
    package var cacheEntriesMax = 16_384
    /// What a TTL is cut to, both ways, and what "no such name" lasts when the answer does not say.
    package var ttlSecondsMin = 1
    package var ttlSecondsMax = 86_400
    package var negativeSecondsDefault = 30
    package var negativeSecondsMax = 300
    /// What a server failure is remembered for, so that a dead name server is not asked for every call.
    package var failureSeconds = 2
    /// Destinations that one lookup gives at most.
    package var destinationsMax = 32
    /// Lookups that may wait in one process.
    package var pendingMax = 10_000
    /// The file of names known without a server; empty: none.
    package var hostsFile = "/etc/hosts"

    package init() {}
}

/// Locates SIP servers (RFC 3263) without ever blocking: c-ares driven by the reactor of the process that asks, with
/// one cache for all processes.
package final class Resolver: Sendable {
    package let options: ResolverOptions

    package init(options: ResolverOptions = ResolverOptions(), statistics: Statistics) {
        self.options = options
    }

    /// Locates a server. `completion` is called once, on the process's thread: at once when the host is an address or
    /// the answer is in the cache (then the result is nil), else later, from a dispatch of its own.
    ///
    /// The list is in order of preference; the next is for when one fails (RFC 3263 §4.3). Never empty.
    @discardableResult
    package func resolve(
        _ query: ResolveQuery, on process: ReactorProcess,
        completion: @escaping (Result<[Destination], ResolveError>) -> Void
    ) -> ResolveRequest? {
        if let destination = immediate(query) {
            completion(.success([destination]))
        } else {
            completion(.failure(.notFound(query.host.string)))
        }
        return nil
    }

    /// The destination of a host that is an address, else nil. Allocates nothing.
    package func immediate(_ query: ResolveQuery) -> Destination? {
        let transport =
            query.transport.map { query.scheme == .sips && $0 == .tcp ? .tls : $0 }
            ?? (query.scheme == .sips ? .tls : .udp)
        let port = query.port ?? transport.defaultPort
        let address = query.host.withBytes { bytes in
            SocketAddress(host: Span(_unsafeBytes: bytes), port: port)
        }
        return address.map { Destination(transport: transport, address: $0) }
    }
}
