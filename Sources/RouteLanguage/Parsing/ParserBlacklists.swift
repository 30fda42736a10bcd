/// dst_blacklist.
extension Parser {
    mutating func parseBlacklists() throws(ParseFailure) {
        advance()
        try expect("=", "after `dst_blacklist`")
        repeat { try parseBlacklist() } while takeSymbol(",")
    }

    private mutating func parseBlacklist() throws(ParseFailure) {
        let start = token
        let name = try takeName("the name of the blacklist")
        var flags: [String] = []
        if takeSymbol("/") {
            repeat {
                guard let word, ["expire", "default", "readonly"].contains(word) else {
                    throw expected("`expire`, `default` or `readonly`")
                }
                flags.append(word)
                advance()
            } while takeSymbol(",")
        }
        var rules: [DestinationBlacklist.Rule] = []
        if takeSymbol(":") {
            if isSymbol("{") {
                advance()
                repeat { rules.append(try parseBlacklistRule()) } while takeSymbol(",")
                try expect("}", "after the rules of the blacklist")
            } else {
                let isNegated = takeSymbol("!")
                rules.append(
                    DestinationBlacklist.Rule(
                        isNegated: isNegated, transport: nil, network: try parseNetwork(), port: 0, pattern: ""))
            }
        }
        tree.blacklists.append(
            DestinationBlacklist(
                location: location(from: start), name: name, flags: flags.isEmpty ? ["readonly"] : flags, rules: rules))
    }

    /// `!(tcp, 192.168.0.0/16, 5060, "pattern")`
    private mutating func parseBlacklistRule() throws(ParseFailure) -> DestinationBlacklist.Rule {
        let isNegated = takeSymbol("!")
        try expect("(", "before a rule of the blacklist")
        var transport: String?
        if let word {
            guard word == "any" || Self.transports.contains(word) else { throw expected("a transport or `any`") }
            transport = word == "any" ? nil : word
            advance()
            try expect(",", "after the transport")
        }
        let network = try parseNetwork()
        var port: UInt16 = 0
        var pattern = ""
        if takeSymbol(",") {
            port = try parsePort()
            if takeSymbol(",") {
                guard let text = takeString() else { throw expected("a quoted pattern") }
                pattern = String(decoding: text, as: UTF8.self)
            }
        }
        try expect(")", "after a rule of the blacklist")
        return DestinationBlacklist.Rule(
            isNegated: isNegated, transport: transport, network: network, port: port, pattern: pattern)
    }

    private mutating func parseNetwork() throws(ParseFailure) -> IPNetwork {
        switch kind {
        case .address(let network), .network(let network):
            advance()
            return network
        default:
            throw expected("an address or a net", hint: "write `10.0.0.1`, `10.0.0.0/8` or `10.0.0.0/255.0.0.0`")
        }
    }
}
