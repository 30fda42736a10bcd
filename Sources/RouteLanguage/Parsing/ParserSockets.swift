/// socket, alias, auto_scaling_profile, dst_blacklist.
extension Parser {
    static let transports: Set<String> = [
        "udp", "tcp", "tls", "ws", "wss", "sctp", "bin", "bins", "hep_udp", "hep_tcp", "hep_tls", "smpp", "msrp",
        "msrps", "ipsec",
    ]

    mutating func parseSocketAssignment() throws(ParseFailure) {
        let start = token
        advance()
        try expect("=", "after `socket`")
        if isWord("bond"), peek().kind == .symbol(":") {
            try parseBond(start)
            return
        }
        var socket = try parseEndpoint(start)
        // `tos = …` is the core's parameter on a line of its own.
        while let word, Self.socketOptions.contains(word), peek().kind != .symbol("=") {
            try parseSocketOption(word, &socket.options)
        }
        socket.location = location(from: start)
        tree.sockets.append(socket)
        if isSymbol(";") {
            throw fail(
                "stray-semicolon", at: token.location, "unexpected `;` outside routes",
                hint: "lines outside routes have no `;`")
        }
        // Something on the same line that is no option.
        if kind != .end, !token.startsLine, let word {
            throw fail(
                "socket-option", at: token.location, "unknown socket option `\(word)`",
                hint: Suggestions.closest(to: word, in: Self.socketOptions.sorted()).map { "did you mean `\($0)`?" })
        }
    }

    private static let socketOptions: Set<String> = [
        "as", "use_workers", "use_auto_scaling_profile", "tag", "tos", "anycast", "frag", "reuse_port",
        "accept_subdomain", "allow_proxy_protocol", "send_proxy_protocol", "proxy_protocol",
    ]

    /// `udp:10.0.0.1:5060-5062,5070`
    private mutating func parseEndpoint(_ start: Token) throws(ParseFailure) -> SocketDefinition {
        let transportToken = token
        guard let transport = word, peek().kind == .symbol(":") else {
            throw fail(
                "socket-transport", at: token.location, "a socket begins with its transport",
                hint: "write `socket = udp:\(tokenText(token))…`")
        }
        guard Self.transports.contains(transport) else {
            throw fail(
                "socket-transport", at: transportToken.location, "unknown transport `\(transport)`",
                hint: Suggestions.closest(to: transport, in: Self.transports.sorted()).map { "did you mean `\($0)`?" })
        }
        advance()
        advance()
        if token.startsLine {
            throw fail(
                "socket-address", at: transportToken.location, "`\(transport):` needs an address on the same line",
                hint: "write `socket = \(transport):127.0.0.1:5060`")
        }
        let (host, hostKind) = try parseHost()
        var ports: [UInt16] = []
        if takeSymbol(":") {
            repeat { ports += try parsePortRange() } while takeSymbol(",")
        }
        return SocketDefinition(
            location: transportToken.location, transport: transport, host: host, hostKind: hostKind, ports: ports,
            options: SocketOptions())
    }

    mutating func parseHost() throws(ParseFailure) -> (String, SocketDefinition.HostKind) {
        switch kind {
        case .address(let network):
            var text = tokenText(token)
            if text.hasPrefix("[") { text = String(text.dropFirst().dropLast()) }
            advance()
            return (text, network.isIPv6 ? .ipv6 : .ipv4)
        case .symbol("*"):
            advance()
            return ("*", .any)
        case .string(let bytes):
            advance()
            let text = String(decoding: bytes, as: UTF8.self)
            if text == "*" { return (text, .any) }
            if IPText.ipv4(bytes[...]) != nil { return (text, .ipv4) }
            return (text, IPText.ipv6(bytes[...]) != nil ? .ipv6 : .name)
        case .identifier, .number:
            guard let text = takeAdjacentText(stoppingAt: [":", "/", "@", "~", "+"]) else { break }
            return (String(decoding: text, as: UTF8.self), .name)
        default: break
        }
        throw expected("an address, a host name, an interface or `*`")
    }

    private mutating func parsePortRange() throws(ParseFailure) -> [UInt16] {
        let first = try parsePort()
        guard takeSymbol("-") else { return [first] }
        let lastToken = token
        let last = try parsePort()
        guard last >= first else {
            throw fail("port-range", at: lastToken.location, "the range of ports ends before it begins")
        }
        guard last - first < 1000 else {
            throw fail("port-range", at: lastToken.location, "a range of more than 1000 ports")
        }
        return Array(first...last)
    }

    mutating func parsePort() throws(ParseFailure) -> UInt16 {
        guard case .number(let number) = kind else { throw expected("a port number") }
        guard let port = UInt16(exactly: number) else {
            throw fail("port", at: token.location, "a port is a number from 0 to 65535")
        }
        advance()
        return port
    }

    private mutating func parseSocketOption(_ word: String, _ options: inout SocketOptions) throws(ParseFailure) {
        advance()
        switch word {
        case "as":
            options.advertisedHost = try parseHost().0
            if takeSymbol(":") { options.advertisedPort = try parsePort() }
        case "use_workers": options.workers = try parsePositive("a number of workers")
        case "use_auto_scaling_profile": options.autoScalingProfile = try takeName("the name of a profile")
        case "tag": options.tag = try takeName("a tag")
        case "tos": options.tos = try parseTypeOfService()
        case "anycast": options.isAnycast = true
        case "frag": options.allowsFragments = true
        case "reuse_port": options.reusesPort = true
        case "accept_subdomain": options.acceptsSubdomain = true
        case "allow_proxy_protocol": options.allowsProxyProtocol = true
        case "send_proxy_protocol": options.sendsProxyProtocol = true
        default:
            options.allowsProxyProtocol = true
            options.sendsProxyProtocol = true
        }
    }

    private mutating func parseTypeOfService() throws(ParseFailure) -> Int {
        if let number = takeSignedNumber() { return number }
        let names = [
            "IPTOS_LOWDELAY": 0x10, "IPTOS_THROUGHPUT": 0x08, "IPTOS_RELIABILITY": 0x04, "IPTOS_MINCOST": 0x02,
        ]
        guard let word, let value = names[word] else {
            throw expected("a number or \(names.keys.sorted().joined(separator: ", "))")
        }
        advance()
        return value
    }

    private mutating func parsePositive(_ what: String) throws(ParseFailure) -> Int {
        let start = token
        guard let number = takeSignedNumber() else { throw expected(what) }
        guard number > 0 else { throw fail("number", at: start.location, "\(what) is at least 1") }
        return number
    }

    private mutating func parseBond(_ start: Token) throws(ParseFailure) {
        advance()
        advance()
        let name = try takeName("the name of the bond")
        try expect("{", "after the name of the bond")
        var members: [String] = []
        repeat {
            guard let member = takeString() else {
                throw expected("a quoted socket", hint: "write \"udp:10.0.0.1:5060\"")
            }
            members.append(String(decoding: member, as: UTF8.self))
        } while takeSymbol(",")
        try expect("}", "after the sockets of the bond")
        tree.bonds.append(SocketBond(location: location(from: start), name: name, members: members))
    }

    // MARK: alias

    mutating func parseAliases() throws(ParseFailure) {
        advance()
        try expect("=", "after `alias`")
        repeat { try parseAlias() } while isAliasStart
    }

    /// Whether another alias of the list follows; a line that begins a statement does not.
    private var isAliasStart: Bool {
        switch kind {
        case .string, .address: return true
        case .identifier(let word):
            return peek().kind != .symbol("=") && peek().kind != .symbol("(")
                && (word == "any" || !ReservedWords.all.contains(word))
                && !(word == "mem" && peek().kind == .symbol("-"))
        default: return false
        }
    }

    private mutating func parseAlias() throws(ParseFailure) {
        let start = token
        var transport: String?
        if let word, word == "any" || Self.transports.contains(word), peek().kind == .symbol(":"), !isNumber(peek(2)) {
            transport = word == "any" ? nil : word
            advance()
            advance()
        }
        let (host, _) = try parseHost()
        var port: UInt16 = 0
        if takeSymbol(":") { port = try parsePort() }
        var accepts = false
        if isWord("accept_subdomain") {
            accepts = true
            advance()
        }
        tree.aliases.append(
            AliasDefinition(
                location: location(from: start), transport: transport, host: host, port: port,
                acceptsSubdomain: accepts))
    }

    private func isNumber(_ token: Token) -> Bool {
        if case .number = token.kind { return true }
        return false
    }

    // MARK: auto_scaling_profile

    mutating func parseAutoScalingProfile() throws(ParseFailure) {
        let start = token
        advance()
        try expect("=", "after `auto_scaling_profile`")
        let name = try takeName("the name of the profile")
        let up = try parseScalingRule("up")
        var down: AutoScalingProfile.Rule?
        if isWord("scale") { down = try parseScalingRule("down") }
        tree.profiles.append(AutoScalingProfile(location: location(from: start), name: name, up: up, down: down))
    }

    /// `scale up to 6 on 70% for 4 cycles within 5`; `on` is the number 1 to the lexer.
    private mutating func parseScalingRule(_ direction: String) throws(ParseFailure) -> AutoScalingProfile.Rule {
        for word in ["scale", direction, "to"] {
            guard isWord(word) else { throw expected("`\(word)`", hint: Self.profileForm) }
            advance()
        }
        let workers = try parsePositive("a number of processes")
        guard tokenText(token) == "on" else { throw expected("`on`", hint: Self.profileForm) }
        advance()
        let load = try parsePositive("a load")
        try expect("%", "after the load", hint: Self.profileForm)
        guard isWord("for") else { throw expected("`for`", hint: Self.profileForm) }
        advance()
        let cycles = try parsePositive("a number of cycles")
        guard isWord("cycles") else { throw expected("`cycles`", hint: Self.profileForm) }
        advance()
        var within: Int?
        if direction == "up", isWord("within") {
            advance()
            within = try parsePositive("a number of cycles")
            if isWord("cycles") { advance() }
        }
        return AutoScalingProfile.Rule(workers: workers, loadPercent: load, cycles: cycles, within: within)
    }

    private static let profileForm =
        "the form is `P scale up to N on L% for C cycles [within W] [scale down to N on L% for C cycles]`"
}
