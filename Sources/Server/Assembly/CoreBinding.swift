import Bytes
import Events
import JSONRPC
import Modules
import Reactor
import RouteLanguage
import RouteRuntime

/// What the core's functions need of the floors above the runtime.
enum CoreBinding {
    static func host(
        script: Script, environment: ModuleEnvironment, host: ScriptHost, events: EventInterface
    ) -> CoreHost {
        var core = CoreHost()
        let addresses = environment.addresses
        core.socket = { addresses.socket(described: $0) }
        core.isMyself = { addresses.contains(host: $0, port: $1, transport: $2) }
        let bonds = Dictionary(script.bonds.map { ($0.name, $0.members) }) { first, _ in first }
        core.isInBond = { socket, bond in bonds[bond.string]?.contains(socket.string) ?? false }
        let blacklists = Blacklists(script.blacklists)
        core.blacklist = { blacklists.index(of: $0) }
        core.isBlacklisted = { blacklists.contains($0, $1) }
        core.raiseEvent = { name, parameters in
            guard let event = events.publish(name.string) else { return false }
            events.raise(event, json(parameters))
            return true
        }
        core.subscribeEvent = { name, socket, expires in
            do throws(EventInterface.SubscribeError) {
                try events.subscribe(event: name.string, socket: socket.string, expireSeconds: expires)
                return true
            } catch {
                return false
            }
        }
        core.forward = host.forwardFunction
        core.send = host.sendFunction
        host.bindReplies(environment.replies)
        return core
    }

    /// All named: an object; else a list.
    private static func json(_ parameters: [(name: ByteString?, value: Value)]) -> RPCParameters {
        if parameters.isEmpty { return .none }
        guard parameters.allSatisfy({ $0.name != nil }) else { return .positional(parameters.map(\.value.json)) }
        return .named(
            JSONObject(parameters.map { JSONObject.Member(key: $0.name?.string ?? "", value: $0.value.json) }))
    }
}

/// `dst_blacklist`: lists of destinations that a script may ask about.
struct Blacklists: Sendable {
    private let lists: [DestinationBlacklist]

    init(_ lists: [DestinationBlacklist]) { self.lists = lists }

    func index(of name: ByteString) -> Int? { lists.firstIndex { $0.name == name.string } }

    /// Whether `check_blacklist_rule(name, ip, port, proto)` finds a rule.
    func contains(_ list: Int, _ call: borrowing Call) -> Bool {
        guard lists.indices.contains(list), let text = call.string(1),
            let address = SocketAddress(host: text.string, port: 0)
        else { return false }
        let port = call.integer(2) ?? 0
        let transport = call.string(3)?.string.lowercased()
        let bytes = address.networkBytes
        return lists[list].rules.contains { rule in
            let matches =
                rule.network.contains(bytes) && (rule.port == 0 || Int(rule.port) == port)
                && (rule.transport == nil || transport == nil || rule.transport == transport)
            return matches != rule.isNegated
        }
    }
}

extension SocketAddress {
    /// 4 or 16 bytes, most significant first.
    fileprivate var networkBytes: [UInt8] {
        let all = withUnsafeBytes(of: high.bigEndian, Array.init) + withUnsafeBytes(of: low.bigEndian, Array.init)
        return isIPv6 ? all : Array(all.suffix(4))
    }
}
