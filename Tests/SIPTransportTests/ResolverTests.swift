import Bytes
import Glibc
import Profiling
import Reactor
import Testing

@testable import SIPTransport

/// The resolver against a real name server on loopback, driven by a reactor that the test turns by hand.
struct ResolverTests {
    private static let zone: [DNSServer.Record] = [
        .init("plain.test", .a(192, 0, 2, 1)), .init("plain.test", .aaaa([0x2001, 0xdb8, 0, 0, 0, 0, 0, 1])),
        .init("alias.test", .cname("plain.test"), ttl: 5),
        .init("_sip._udp.srv.test", .srv(priority: 20, weight: 0, port: 5080, target: "two.srv.test")),
        .init("_sip._udp.srv.test", .srv(priority: 10, weight: 0, port: 5070, target: "one.srv.test")),
        .init("one.srv.test", .a(192, 0, 2, 11)), .init("one.srv.test", .a(192, 0, 2, 12)),
        .init("two.srv.test", .a(192, 0, 2, 13)),
        .init("naptr.test", .naptr(order: 20, preference: 1, service: "SIP+D2U", replacement: "_sip._udp.low.test")),
        .init("naptr.test", .naptr(order: 10, preference: 1, service: "SIP+D2T", replacement: "_sip._tcp.high.test")),
        .init("naptr.test", .naptr(order: 1, preference: 1, service: "E2U+email", replacement: "x.test")),
        .init("_sip._udp.low.test", .srv(priority: 1, weight: 1, port: 5090, target: "plain.test")),
        .init("_sip._tcp.high.test", .srv(priority: 1, weight: 1, port: 5091, target: "plain.test")),
        .init("tlsonly.test", .naptr(order: 1, preference: 1, service: "SIPS+D2T", replacement: "_sips._tcp.t.test")),
        .init("_sip._udp.gone.test", .srv(priority: 0, weight: 0, port: 0, target: "")),
        .init("short.test", .a(192, 0, 2, 50), ttl: 1),
        .init("_sip._tcp.tcp.test", .srv(priority: 1, weight: 1, port: 5099, target: "plain.test")),
        .init("_sips._tcp.secure.test", .srv(priority: 1, weight: 1, port: 5061, target: "plain.test")),
    ]

    private let server = DNSServer(zone, silent: ["silent.test", "_sip._udp.silent.test"], broken: ["broken.test"])
    private let statistics = Statistics()
    private let process: ReactorProcess

    init() throws {
        process = try ProcessTable(profiler: nil, statistics: statistics).make(description: "resolver", kind: .udp)
    }

    private func makeResolver(_ change: (inout ResolverOptions) -> Void = { _ in }) -> Resolver {
        var options = ResolverOptions()
        options.servers = [server.server]
        options.hostsFile = ""
        options.families = [.ipv4]
        change(&options)
        return Resolver(options: options, statistics: statistics)
    }

    private func run(until condition: () -> Bool) {
        let limit = time(nil) + 15
        while !condition() {
            precondition(time(nil) < limit, "no answer for 15 s")
            process.reactor.runOnce()
        }
    }

    /// The destinations as text, or the error's description.
    private func resolve(
        _ resolver: Resolver, _ host: String, port: UInt16? = nil, _ transport: Transport? = nil,
        _ scheme: ResolveQuery.Scheme = .sip
    ) -> [String] {
        var result: [String]?
        let query = ResolveQuery(host: ByteString(host), port: port, transport: transport, scheme: scheme)
        resolver.resolve(query, on: process) {
            switch $0 {
            case .success(let list): result = list.map(\.description)
            case .failure(let error): result = [error.description]
            }
        }
        run { result != nil }
        return result ?? []
    }

    /// `dns_servers_no`: a second server is not asked although the first fails.
    @Test(arguments: [
        (nil, ["udp:192.0.2.1:1"]), (1, ["plain.test: the name servers failed"]), (9, ["udp:192.0.2.1:1"]),
    ])
    func onlyTheFirstServersAreAsked(most: Int?, expected: [String]) {
        let broken = DNSServer([], broken: ["plain.test"])
        defer { broken.stop() }
        let resolver = makeResolver {
            $0.servers = [broken.server, server.server]
            $0.serversMax = most
        }
        #expect(resolve(resolver, "plain.test", port: 1) == expected)
        #expect(!broken.asked.all.isEmpty)
        #expect(server.asked.all.isEmpty == (most == 1))
    }

    @Test func addressesAreAnsweredAtOnce() {
        let resolver = makeResolver()
        let table: [(String, UInt16?, Transport?, ResolveQuery.Scheme, String)] = [
            ("192.0.2.1", nil, nil, .sip, "udp:192.0.2.1:5060"), ("192.0.2.1", 5070, nil, .sip, "udp:192.0.2.1:5070"),
            ("[2001:db8::1]", nil, .tcp, .sip, "tcp:[2001:db8::1]:5060"),
            ("2001:db8::1", 9, nil, .sip, "udp:[2001:db8::1]:9"), ("192.0.2.1", nil, nil, .sips, "tls:192.0.2.1:5061"),
            ("192.0.2.1", nil, .tcp, .sips, "tls:192.0.2.1:5061"), ("192.0.2.1", nil, .tls, .sip, "tls:192.0.2.1:5061"),
        ]
        for (host, port, transport, scheme, expected) in table {
            let query = ResolveQuery(host: ByteString(host), port: port, transport: transport, scheme: scheme)
            #expect(resolver.immediate(query)?.description == expected)
        }
        #expect(server.asked.all.isEmpty)
    }

    @Test func aPortMeansAddressesOnly() {
        #expect(resolve(makeResolver(), "plain.test", port: 5077) == ["udp:192.0.2.1:5077"])
        #expect(server.asked.all == ["plain.test 1"])
    }

    @Test func withoutRecordsOfServersTheNameItselfIsAsked() {
        #expect(resolve(makeResolver(), "plain.test") == ["udp:192.0.2.1:5060"])
        #expect(server.asked.all == ["plain.test 35", "_sip._udp.plain.test 33", "plain.test 1"])
    }

    @Test func bothFamiliesInTheOrderOfTheOptions() {
        let resolver = makeResolver { $0.families = [.ipv6, .ipv4] }
        #expect(resolve(resolver, "plain.test", port: 1) == ["udp:[2001:db8::1]:1", "udp:192.0.2.1:1"])
    }

    @Test func aliasesAreFollowedAndTheirTTLCounts() {
        #expect(resolve(makeResolver(), "ALIAS.test.", port: 1) == ["udp:192.0.2.1:1"])
    }

    @Test func serversComeByPriorityWithAllTheirAddresses() {
        #expect(
            resolve(makeResolver(), "srv.test") == [
                "udp:192.0.2.11:5070", "udp:192.0.2.12:5070", "udp:192.0.2.13:5080",
            ])
    }

    @Test func pointersChooseAmongTheTransportsThatAreThere() {
        #expect(resolve(makeResolver(), "naptr.test") == ["udp:192.0.2.1:5090"])
        let both = makeResolver { $0.transports = [.udp, .tcp] }
        #expect(resolve(both, "naptr.test") == ["tcp:192.0.2.1:5091", "udp:192.0.2.1:5090"])
    }

    @Test func aTransportParameterLeavesOutPointers() {
        let resolver = makeResolver { $0.transports = [.udp, .tcp, .tls] }
        #expect(resolve(resolver, "tcp.test", .tcp) == ["tcp:192.0.2.1:5099"])
        #expect(resolve(resolver, "secure.test", .tcp, .sips) == ["tls:192.0.2.1:5061"])
        #expect(resolve(resolver, "plain.test", port: 5, .tls) == ["tls:192.0.2.1:5"])
    }

    @Test func whatIsNotThereIsRefused() {
        let resolver = makeResolver()
        #expect(resolve(resolver, "none.test") == ["none.test: no such name, or no address for it"])
        #expect(resolve(resolver, "gone.test") == ["gone.test: no such name, or no address for it"])
        let only = "only reachable over transports that this server does not have"
        #expect(resolve(resolver, "tlsonly.test") == ["tlsonly.test: \(only)"])
        #expect(resolve(resolver, "plain.test", .tcp) == ["plain.test: \(only)"])
        #expect(resolve(resolver, "plain.test", .udp, .sips) == ["plain.test: \(only)"])
        #expect(resolve(resolver, "broken.test", port: 1) == ["broken.test: the name servers failed"])
        for bad in ["", ".", "a..b", "a b", String(repeating: "a", count: 64), String(repeating: "ab.", count: 90)] {
            #expect(resolve(resolver, bad) == ["\(bad): not a host name"])
        }
    }

    @Test func silenceEndsInTime() {
        let resolver = makeResolver {
            $0.timeoutMilliseconds = 60
            $0.tries = 1
        }
        #expect(resolve(resolver, "silent.test", port: 1) == ["silent.test: no name server answered in time"])
        #expect(statistics.select("dns:timeouts").first?.value == 1)
        let patient = makeResolver {
            $0.timeoutMilliseconds = 60_000
            $0.lookupMillisecondsMax = 50
        }
        #expect(resolve(patient, "silent.test", port: 1) == ["silent.test: no name server answered in time"])
    }

    @Test func theCacheAnswersTheSecondTime() {
        let resolver = makeResolver()
        let first = resolve(resolver, "srv.test")
        let questions = server.asked.all.count
        #expect(resolve(resolver, "SRV.test") == first)
        #expect(server.asked.all.count == questions)
        let missing = resolve(resolver, "none.test", port: 1)
        #expect(resolve(resolver, "none.test", port: 1) == missing)
        #expect(server.asked.all.count == questions + 1)
        #expect(statistics.select("dns:cache_hits").first?.value == 5)
        resolver.flushCache()
        #expect(resolve(resolver, "srv.test") == first)
        #expect(server.asked.all.count == 2 * questions + 1)
    }

    @Test func equalQuestionsAreAskedOnce() {
        let resolver = makeResolver()
        var results = 0
        let query = ResolveQuery(host: "plain.test", port: 1)
        for _ in 0..<10 { resolver.resolve(query, on: process) { _ in results += 1 } }
        run { results == 10 }
        #expect(server.asked.all == ["plain.test 1"])
        #expect(statistics.select("dns:queries").map(\.value) == [1])
    }

    @Test func whatIsCancelledIsNotCalled() {
        let resolver = makeResolver()
        var cancelled = 0
        var other = 0
        let request = resolver.resolve(ResolveQuery(host: "plain.test", port: 1), on: process) { _ in cancelled += 1 }
        #expect(request != nil)
        request?.cancel()
        resolver.resolve(ResolveQuery(host: "plain.test", port: 1), on: process) { _ in other += 1 }
        run { other == 1 }
        #expect(cancelled == 0)
    }

    /// Whether they ask for themselves or join who asked the same.
    @Test(arguments: ["short.test", "plain.test"]) func pastTheLimitLookupsAreRefused(last: String) {
        let resolver = makeResolver { $0.pendingMax = 2 }
        var results: [String] = []
        for host in ["plain.test", "plain.test", last] {
            resolver.resolve(ResolveQuery(host: ByteString(host), port: 1), on: process) {
                if case .failure(let error) = $0 { results.append(error.description) } else { results.append("ok") }
            }
        }
        run { results.count == 3 }
        #expect(results == ["\(last): too many lookups wait", "ok", "ok"])
        #expect(resolve(resolver, "one.srv.test").count == 2, "there is room again")
    }

    @Test func namesOfTheMachineNeedNoServer() {
        #expect(resolve(makeResolver(), "localhost") == ["udp:127.0.0.1:5060"])
        #expect(server.asked.all.isEmpty)
        let hosts = HostsFile(text: Array("# c\n192.0.2.9\tAlpha beta # x\n::1 six\nbad line\n192.0.2.8 beta".utf8))
        #expect(hosts["alpha"] == [SocketAddress(192, 0, 2, 9, port: 0)])
        #expect(hosts["beta"]?.count == 2)
        #expect(hosts["six"] == [SocketAddress(ipv6: 0, 1, port: 0)])
        #expect(hosts["line"] == nil)
    }

    @Test func theCacheIsBoundedAndForgets() {
        let cache = ResolverCache(entriesMax: 160)
        for number in 0..<1000 {
            let question = DNSQuestion(name: ByteString("host\(number).test"), type: .a)
            cache.store(.nothing, to: question, seconds: 10, nowMilliseconds: 0)
        }
        #expect(cache.count <= 160)
        let question = DNSQuestion(name: "one.test", type: .a)
        cache.store(.nothing, to: question, seconds: 1, nowMilliseconds: 5000)
        #expect(cache.answer(to: question, nowMilliseconds: 5999) == .nothing)
        #expect(cache.answer(to: question, nowMilliseconds: 6000) == nil)
        cache.store(.nothing, to: question, seconds: 0, nowMilliseconds: 6000)
        #expect(cache.answer(to: question, nowMilliseconds: 6000) == nil)
    }

    @Test func weightsDrawAmongServersOfOnePriority() {
        let records = [(0, "zero"), (10, "ten"), (30, "thirty")].map {
            SRVRecord(priority: 1, weight: UInt16($0.0), port: 1, target: ByteString($0.1))
        }
        var random: any RandomNumberGenerator = Seeded(state: 7)
        var firsts: [String: Int] = [:]
        for _ in 0..<4000 {
            let order = ServerLocator.ordered(records, random: &random)
            #expect(Set(order) == Set(records))
            firsts[order[0].target.string, default: 0] += 1
        }
        #expect((2700...3200).contains(firsts["thirty"] ?? 0), "\(firsts)")
        #expect((800...1200).contains(firsts["ten"] ?? 0), "\(firsts)")
        #expect((1...300).contains(firsts["zero"] ?? 0), "\(firsts)")
    }
}

private struct Seeded: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}
