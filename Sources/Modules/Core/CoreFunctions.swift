import Bytes
package import RouteLanguage
package import RouteRuntime
import SIPMessage
import SIPStack
import SIPTransport

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
        core.addAlias = { call, port in
            let context = call.context
            guard context.connection != 0, let connections = host.worker(call.process)?.connections,
                let port = UInt16(exactly: port ?? Int(context.message.topVia?.port ?? 5060)), port > 0
            else { return false }
            return connections.addAlias(ConnectionID(context.connection), port: port)
        }
        core.closeConnection = { call in
            guard call.context.connection != 0, let connections = host.worker(call.process)?.connections else {
                return false
            }
            return connections.close(ConnectionID(call.context.connection))
        }
        core.isMyself = { addresses.contains(host: $0, port: $1, transport: $2) }
        core.isInBond = { text, name in
            guard let socket = addresses.socket(described: text),
                let bond = bonds.first(where: { ByteString($0.name) == name })
            else { return false }
            return bond.members.contains { addresses.socket(described: ByteString($0)) == socket }
        }
        connect(&core, host: host, filter: DestinationFilter(blacklists))
    }

    /// Puts the blacklists to work: for the functions about them, and for everything that sends requests.
    package static func connect(_ core: inout CoreHost, host: ScriptHost, filter: DestinationFilter) {
        host.filter = filter
        core.blacklist = { filter.index(of: $0) }
        core.defaultBlacklists = filter.defaults
        core.isBlacklisted = { list, call in filter.contains(list, call) }
    }
}
