import Bytes
import Reactor

/// The procedure of RFC 3263 §4 for one target, as a value: answers go in, questions and at last destinations come out.
///
/// ```
/// transport or port given ──────────────┐
/// NAPTR ─► services by order ─► SRV of each ─► addresses of each server ─► list
///   └ none ─► SRV of each transport ────┘ └ none ─► addresses of the target, default port
/// ```
struct ServerLocator {
    enum Action: Hashable {
        /// Ask these; answers may come in any order.
        case ask([DNSQuestion])
        /// Answers are still missing.
        case wait
        case done([Destination])
        case failed(ResolveError)
    }

    /// Servers of a SRV answer whose addresses are looked up at most.
    static let serversMax = 16

    private enum Phase: Hashable {
        case start
        case pointers
        /// SRV questions in order of preference.
        case servers([(Transport, DNSQuestion)], fromPointers: Bool)
        case addresses

        static func == (left: Phase, right: Phase) -> Bool {
            switch (left, right) {
            case (.start, .start), (.pointers, .pointers), (.servers, .servers), (.addresses, .addresses): true
            default: false
            }
        }
        func hash(into hasher: inout Hasher) {}
    }

    /// A host whose addresses are wanted.
    private struct Server: Hashable {
        var transport: Transport
        var host: ByteString
        var port: UInt16
    }

    private let query: ResolveQuery
    private let options: ResolverOptions
    private let name: ByteString
    private var phase = Phase.start
    private var answers: [DNSQuestion: DNSAnswer] = [:]
    private var awaited: Set<DNSQuestion> = []
    private var servers: [Server] = []
    private var random: any RandomNumberGenerator

    /// Nil when the host is not a name.
    init?(_ query: ResolveQuery, options: ResolverOptions, random: any RandomNumberGenerator) {
        guard let name = DNSQuestion.normalized(query.host) else { return nil }
        self.query = query
        self.options = options
        self.name = name
        self.random = random
    }

    mutating func start() -> Action {
        let transports = usableTransports
        guard !transports.isEmpty else { return .failed(.noTransport(name.string)) }
        if let port = query.port {
            // RFC 3263 §4.1 and §4.2: an explicit port means addresses only, over UDP unless the URI says otherwise.
            return askAddresses([Server(transport: transports[0], host: name, port: port)])
        }
        if query.transport != nil { return askServers(transports.map { ($0, Self.service($0, name)) }, false) }
        guard options.usesNAPTR else {
            return askServers(transports.map { ($0, Self.service($0, name)) }, false)
        }
        phase = .pointers
        return ask([DNSQuestion(name: name, type: .naptr)])
    }

    mutating func received(_ answer: DNSAnswer, to question: DNSQuestion) -> Action {
        guard awaited.remove(question) != nil else { return .wait }
        answers[question] = answer
        guard awaited.isEmpty else { return .wait }
        switch phase {
        case .start: return .wait
        case .pointers: return receivedPointers(answer)
        case .servers(let questions, let fromPointers): return receivedServers(questions, fromPointers)
        case .addresses: return finish()
        }
    }

    // MARK: Transports

    /// The transports that may be used, in order: what the URI asks for, within what the server has.
    private var usableTransports: [Transport] {
        guard let wanted = query.transport else {
            return options.transports.filter { query.scheme == .sip || $0.isSecure }
        }
        guard let transport = Self.transport(wanted, scheme: query.scheme) else { return [] }
        return options.transports.contains(transport) ? [transport] : []
    }

    /// What a transport parameter means under a scheme (RFC 3261 §26.2.2); nil: `sips` can't go over it.
    static func transport(_ wanted: Transport, scheme: ResolveQuery.Scheme) -> Transport? {
        guard scheme == .sips else { return wanted }
        switch wanted {
        case .tcp, .tls: return .tls
        case .ws, .wss: return .wss
        case .udp, .sctp: return nil
        }
    }

    private static func service(_ transport: Transport, _ name: ByteString) -> DNSQuestion {
        let prefix: StaticString =
            switch transport {
            case .udp: "_sip._udp."
            case .tcp: "_sip._tcp."
            case .tls: "_sips._tcp."
            case .sctp: "_sip._sctp."
            case .ws: "_sip._ws."
            case .wss: "_sips._ws."
            }
        return DNSQuestion(name: ByteString(prefix) + name, type: .srv)
    }

    private static func transport(ofService service: ByteString) -> Transport? {
        let table: [(StaticString, Transport)] = [
            ("SIP+D2U", .udp), ("SIP+D2T", .tcp), ("SIPS+D2T", .tls), ("SIP+D2S", .sctp), ("SIP+D2W", .ws),
            ("SIPS+D2W", .wss),
        ]
        return table.first { service.equalsIgnoringCase($0.0) }?.1
    }

    // MARK: NAPTR and SRV

    private mutating func receivedPointers(_ answer: DNSAnswer) -> Action {
        let transports = usableTransports
        guard case .found(.pointers(let pointers)) = answer else {
            // RFC 3263 §4.1: without NAPTR records, the SRV records of each transport.
            return askServers(transports.map { ($0, Self.service($0, name)) }, false)
        }
        let sorted = pointers.sorted { ($0.order, $0.preference) < ($1.order, $1.preference) }
        var isForSIP = false
        var questions: [(Transport, DNSQuestion)] = []
        for pointer in sorted where pointer.flags.equalsIgnoringCase("s") {
            guard let transport = Self.transport(ofService: pointer.service) else { continue }
            isForSIP = true
            if transports.contains(transport), !pointer.replacement.isEmpty {
                questions.append((transport, DNSQuestion(name: pointer.replacement, type: .srv)))
            }
        }
        if questions.isEmpty {
            if isForSIP { return .failed(.noTransport(name.string)) }
            return askServers(transports.map { ($0, Self.service($0, name)) }, false)
        }
        return askServers(questions, true)
    }

    private mutating func askServers(_ questions: [(Transport, DNSQuestion)], _ fromPointers: Bool) -> Action {
        guard options.usesSRV else { return askTarget() }
        let questions = Array(questions.prefix(8))
        phase = .servers(questions, fromPointers: fromPointers)
        return ask(questions.map(\.1))
    }

    private mutating func receivedServers(_ questions: [(Transport, DNSQuestion)], _ fromPointers: Bool) -> Action {
        var found: [Server] = []
        var isRefused = false
        var worst: DNSAnswer?
        for (transport, question) in questions {
            switch answers[question] {
            case .found(.servers(let records))?:
                // RFC 2782: a single record with the target "." says that the service is not there.
                if records.count == 1, records[0].target.isEmpty {
                    isRefused = true
                } else {
                    found += Self.ordered(records, random: &random).map {
                        Server(transport: transport, host: $0.target, port: $0.port)
                    }
                }
            case .timeout?, .failure?: worst = answers[question]
            default: break
            }
        }
        if !found.isEmpty { return askAddresses(Array(found.prefix(Self.serversMax))) }
        if isRefused { return .failed(.notFound(name.string)) }
        if let worst, fromPointers { return .failed(error(of: worst)) }
        return askTarget()
    }

    /// Without SRV records the name itself, at the default port of the first transport (RFC 3263 §4.2).
    private mutating func askTarget() -> Action {
        let transport = usableTransports[0]  // `start` has refused an empty list
        return askAddresses([Server(transport: transport, host: name, port: query.port ?? transport.defaultPort)])
    }

    /// By priority, and by chance within one priority in proportion to the weights (RFC 2782).
    static func ordered(_ records: [SRVRecord], random: inout any RandomNumberGenerator) -> [SRVRecord] {
        var result: [SRVRecord] = []
        for priority in Set(records.map(\.priority)).sorted() {
            // Those of weight 0 stand first, so that they are rarely chosen while others are there.
            var group = records.filter { $0.priority == priority && !$0.target.isEmpty }
            group.sort { $0.weight < $1.weight }
            while !group.isEmpty {
                let sum = group.reduce(0) { $0 + Int($1.weight) }
                var draw = Int.random(in: 0...sum, using: &random)
                let index = group.firstIndex { record in
                    draw -= Int(record.weight)
                    return draw <= 0
                }
                result.append(group.remove(at: index ?? 0))
            }
        }
        return result
    }

    // MARK: Addresses

    private mutating func askAddresses(_ servers: [Server]) -> Action {
        self.servers = servers
        phase = .addresses
        var questions: [DNSQuestion] = []
        for server in servers where SocketAddress(host: server.host.string, port: 0) == nil {
            for family in options.families {
                let question = DNSQuestion(name: server.host, type: family == .ipv4 ? .a : .aaaa)
                if !questions.contains(question) { questions.append(question) }
            }
        }
        return questions.isEmpty ? finish() : ask(questions)
    }

    private mutating func ask(_ questions: [DNSQuestion]) -> Action {
        awaited = Set(questions)
        return .ask(questions)
    }

    private func finish() -> Action {
        var list: [Destination] = []
        var worst: DNSAnswer = .nothing
        for server in servers {
            if let address = SocketAddress(host: server.host.string, port: server.port) {
                list.append(Destination(transport: server.transport, address: address))
                continue
            }
            for family in options.families {
                let question = DNSQuestion(name: server.host, type: family == .ipv4 ? .a : .aaaa)
                switch answers[question] {
                case .found(.addresses(let addresses))?:
                    list += addresses.map {
                        Destination(transport: server.transport, address: $0.with(port: server.port))
                    }
                case .timeout?: worst = .timeout
                case .failure? where worst == .nothing: worst = .failure
                default: break
                }
            }
        }
        guard !list.isEmpty else { return .failed(error(of: worst)) }
        var seen: Set<Destination> = []
        return .done(Array(list.filter { seen.insert($0).inserted }.prefix(options.destinationsMax)))
    }

    private func error(of answer: DNSAnswer) -> ResolveError {
        switch answer {
        case .timeout: .timeout(name.string)
        case .failure: .serverFailure(name.string)
        case .nothing, .found: .notFound(name.string)
        }
    }
}
