import Bytes
import Profiling
package import Reactor
import Synchronization

/// Locates SIP servers (RFC 3263) without ever blocking: c-ares driven by the reactor of the process that asks, with
/// one cache for all processes.
///
/// One per server. Budget: a host that is an address costs no allocation, lock or system call; one that is in the cache
/// a lock per question.
package final class Resolver: Sendable {
    package let options: ResolverOptions
    let cache: ResolverCache
    private let hosts: HostsFile
    private let statistics: ResolverStatistics
    /// By process id. A place is touched on its process's thread only, which is why it needs no lock.
    private nonisolated(unsafe) let channels: UnsafeMutablePointer<DNSChannel?>

    package init(options: ResolverOptions = ResolverOptions(), statistics: Statistics) {
        self.options = options
        let cache = ResolverCache(entriesMax: options.cacheEntriesMax)
        self.cache = cache
        hosts = HostsFile(path: options.hostsFile)
        self.statistics = ResolverStatistics(statistics)
        statistics.gauge(group: "dns", name: "cached_answers") { cache.count }
        channels = .allocate(capacity: Profiler.processesMax)
        channels.initialize(repeating: nil, count: Profiler.processesMax)
    }

    deinit {
        channels.deinitialize(count: Profiler.processesMax)
        channels.deallocate()
    }

    /// Locates a server. `completion` is called once, on the process's thread: before this returns when the host is an
    /// address or the answers are in the cache (then the result is nil), else later, from a dispatch of the reactor.
    ///
    /// On the process's thread only. The list is in order of preference and never empty; the next is for when one fails
    /// (RFC 3263 §4.3).
    @discardableResult
    package func resolve(
        _ query: ResolveQuery, on process: ReactorProcess,
        completion: @escaping (Result<[Destination], ResolveError>) -> Void
    ) -> ResolveRequest? {
        if let destination = immediate(query) {
            completion(.success([destination]))
            return nil
        }
        var options = options
        if let name = DNSQuestion.normalized(query.host), hosts[name] != nil {
            options.usesNAPTR = false
            options.usesSRV = false
        }
        guard let locator = ServerLocator(query, options: options, random: SystemRandomNumberGenerator()) else {
            completion(.failure(.badName(query.host.string)))
            return nil
        }
        let request = ResolveRequest(completion: completion)
        let lookup = Lookup(resolver: self, process: process, locator: locator, request: request, query: query)
        lookup.begin()
        return request.isPending ? request : nil
    }

    /// The destination of a host that is an address; nil for a name, and for an address that the scheme and the
    /// transport exclude. Allocates nothing.
    package func immediate(_ query: ResolveQuery) -> Destination? {
        let wanted = query.transport ?? (query.scheme == .sips ? .tls : options.transports.first ?? .udp)
        guard let transport = ServerLocator.transport(wanted, scheme: query.scheme) else { return nil }
        let port = query.port ?? transport.defaultPort
        let host = query.host
        let address = SocketAddress(host: host.storage.span.extracting(host.range.indices), port: port)
        return address.map { Destination(transport: transport, address: $0) }
    }

    /// Forgets every answer.
    package func flushCache() { cache.removeAll() }

    // MARK: Questions

    /// What is known without asking.
    func known(_ question: DNSQuestion, on process: ReactorProcess) -> DNSAnswer? {
        if let addresses = hosts[question.name] {
            let family: SocketAddress.Family? =
                switch question.type {
                case .a: .ipv4
                case .aaaa: .ipv6
                default: nil
                }
            let fitting = addresses.filter { $0.family == family }
            return fitting.isEmpty ? .nothing : .found(.addresses(fitting))
        }
        let answer = cache.answer(to: question, nowMilliseconds: process.reactor.nowMilliseconds)
        if answer != nil { process.statistics.add(statistics.cacheHits) }
        return answer
    }

    /// Asks the name servers; false when too much waits in this process.
    func ask(_ question: DNSQuestion, on process: ReactorProcess, _ waiter: @escaping (DNSAnswer) -> Void) -> Bool {
        let channel = channels[process.id] ?? makeChannel(process)
        guard channel.waiterCount < options.pendingMax else { return false }
        if channel.ask(question, waiter) { process.statistics.add(statistics.queries) }
        return true
    }

    private func makeChannel(_ process: ReactorProcess) -> DNSChannel {
        let channel = DNSChannel(process: process, options: options) {
            [cache, options, statistics, unowned process] question, answer, seconds in
            switch answer {
            case .timeout: process.statistics.add(statistics.timeouts)
            case .failure: process.statistics.add(statistics.failures)
            default: break
            }
            cache.store(
                answer, to: question, seconds: options.lifetime(of: answer, said: seconds),
                nowMilliseconds: process.reactor.nowMilliseconds)
        }
        channels[process.id] = channel
        process.reactor.atStop { [weak channel] in channel?.close() }
        return channel
    }
}

/// The counters of name resolution, in group `dns`.
struct ResolverStatistics: Sendable {
    let queries: Counter
    let cacheHits: Counter
    let timeouts: Counter
    let failures: Counter

    init(_ statistics: Statistics) {
        queries = statistics.counter(group: "dns", name: "queries")
        cacheHits = statistics.counter(group: "dns", name: "cache_hits")
        timeouts = statistics.counter(group: "dns", name: "timeouts")
        failures = statistics.counter(group: "dns", name: "failures")
    }
}
