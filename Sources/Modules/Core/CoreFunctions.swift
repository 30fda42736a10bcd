import Bytes
package import RouteLanguage
package import RouteRuntime

/// The core's functions that need the stack: `forward()`, `send()`, `is_myself()` and those about listeners and blacklists.
package enum CoreFunctions {
    /// Fills in a `CoreHost`, but for events: those are the Server's.
    package static func connect(
        _ core: inout CoreHost, host: ScriptHost, addresses: LocalAddresses, bonds: [SocketBond] = [],
        blacklists: [DestinationBlacklist] = []
    ) {
        core.forward = host.forwardFunction
        core.send = host.sendFunction
        core.socket = { addresses.socket(described: $0) }
        core.isMyself = { addresses.contains(host: $0, port: $1, transport: $2) }
        core.isInBond = { text, name in
            guard let socket = addresses.socket(described: text),
                let bond = bonds.first(where: { ByteString($0.name) == name })
            else { return false }
            return bond.members.contains { addresses.socket(described: ByteString($0)) == socket }
        }
        let names = blacklists.map { ByteString($0.name) }
        core.blacklist = { name in names.firstIndex(of: name) }
        core.isBlacklisted = { list, call in isBlacklisted(blacklists[list], call) }
    }

    /// Whether address, port and transport of a `check_blacklist_rule()` match a rule.
    private static func isBlacklisted(_ list: DestinationBlacklist, _ call: borrowing Call) -> Bool {
        guard let address = call.string(1).flatMap({ IPText.parse($0) }) else { return false }
        let port = call.integer(2) ?? 0
        let transport = call.string(3)
        for rule in list.rules {
            let isMatch =
                rule.network.contains(address)
                && (rule.port == 0 || port == 0 || Int(rule.port) == port)
                && (rule.transport.map { name in transport?.equalsIgnoringCase(ByteString(name)) ?? true } ?? true)
            if isMatch != rule.isNegated { return true }
        }
        return false
    }
}
