import Bytes
import JSONRPC
import Management
import Modules
import Reactor
import RouteLanguage

/// `blacklists:*`: the `dst_blacklist`s of the script, shown and asked.
enum BlacklistCommands {
    static func register(in registry: inout CommandRegistry, _ lists: [DestinationBlacklist]) {
        registry.add(
            "blacklists:list", aliases: ["list_blacklists"], "Lists the destination blacklists of the script.",
            [[], ["name"]]
        ) { call throws(RPCError) in
            guard try call.optionalString("name") != nil else { return ["Lists": .array(lists.map { show($0) })] }
            return ["Lists": [show(try named(call, lists))]]
        }
        registry.add(
            "blacklists:check", aliases: ["check_blacklist"],
            "Tells the first rule of a list that a destination meets.",
            [
                ["name", "ip"], ["name", "ip", "port"], ["name", "proto", "ip", "port"],
                ["name", "proto", "ip", "port", "pattern"],
            ]
        ) { call throws(RPCError) in
            let list = try named(call, lists)
            guard let rule = DestinationFilter.firstRule(of: list, for: try target(call)) else {
                throw RPCError(code: 404, message: "No rule matches")
            }
            return show(rule)
        }
        registry.add(
            "blacklists:check_all", aliases: ["check_blacklists"], "Lists the lists that a destination meets.",
            [["ip"], ["proto", "ip"], ["proto", "ip", "port"], ["proto", "ip", "port", "pattern"]]
        ) { call throws(RPCError) in
            let target = try target(call)
            return .array(
                lists.filter { DestinationFilter.firstRule(of: $0, for: target) != nil }.map { .string($0.name) })
        }
    }

    private static func named(
        _ call: CommandCall, _ lists: [DestinationBlacklist]
    ) throws(RPCError) -> DestinationBlacklist {
        let name = try call.string("name")
        guard let list = lists.first(where: { $0.name == name }) else {
            throw RPCError(code: 404, message: "List not found")
        }
        return list
    }

    private static func target(_ call: CommandCall) throws(RPCError) -> DestinationFilter.Target {
        let target = DestinationFilter.Target(
            address: ByteString(try call.string("ip")),
            port: try call.optionalInteger("port", allowed: "0 to 65535, 0 for any") ?? 0,
            transport: try call.optionalString("proto").map { ByteString($0) },
            text: try call.optionalString("pattern"))
        guard let target else { throw CommandCall.badType("ip", allowed: "an IPv4 or IPv6 address") }
        return target
    }

    private static func show(_ list: DestinationBlacklist) -> JSONValue {
        [
            "name": .string(list.name), "owner": "core", "flags": .array(list.flags.map { .string($0) }),
            "Rules": .array(list.rules.map { show($0) }),
        ]
    }

    private static func show(_ rule: DestinationBlacklist.Rule) -> JSONValue {
        [
            "IP": .string(SocketAddress.text(rule.network.address)), "Mask": .integer(rule.network.prefixLength),
            "Proto": .string(rule.transport ?? "any"), "Port": .integer(Int(rule.port)),
            "Match": .string(rule.pattern), "Flags": .integer(rule.isNegated ? 1 : 0),
        ]
    }
}

extension SocketAddress {
    /// An address of 4 or 16 bytes as text.
    fileprivate static func text(_ bytes: [UInt8]) -> String {
        guard bytes.count == 16 else { return bytes.map { String($0) }.joined(separator: ".") }
        let parts = stride(from: 0, to: 16, by: 2).map { String(Int(bytes[$0]) << 8 | Int(bytes[$0 + 1]), radix: 16) }
        return SocketAddress(host: parts.joined(separator: ":"), port: 0)?.host ?? parts.joined(separator: ":")
    }
}
