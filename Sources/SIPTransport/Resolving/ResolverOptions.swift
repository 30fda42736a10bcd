package import Reactor

/// Settings of name resolution, each with its default.
package struct ResolverOptions: Hashable, Sendable {
    /// Name servers as `address` or `address:port`; empty: the system's (`/etc/resolv.conf`).
    package var servers: [String] = []
    /// Of these (or the system's) as many are asked, the first ones (`dns_servers_no`); nil: all.
    package var serversMax: Int?
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
    /// Answers that lookups may wait for in one process, whether they ask for themselves or join who asked the same.
    package var pendingMax = 10_000
    /// The file of names known without a server; empty: none.
    package var hostsFile = "/etc/hosts"

    package init() {}
}

extension ResolverOptions {
    /// For how many seconds an answer is kept, given the TTL that it came with, if any.
    func lifetime(of answer: DNSAnswer, said seconds: Int?) -> Int {
        switch answer {
        case .found: min(max(seconds ?? ttlSecondsMin, ttlSecondsMin), ttlSecondsMax)
        case .nothing: min(max(seconds ?? negativeSecondsDefault, ttlSecondsMin), negativeSecondsMax)
        case .timeout, .failure: failureSeconds
        }
    }
}
