import Bytes
import RouteLanguage
import SIPMessage

/// Functions about how the message is sent, and about sockets and addresses.
enum SendingFunctions {
    private static let rules = "rules are those of dst_blacklist in the script; change that"

    static let declarations: [FunctionDeclaration] = [
        FunctionDeclaration("forward", [.string("destination", optional: true)], routes: [.request], isSlow: true),
        FunctionDeclaration(
            "send", [.string("destination"), .string("headers", optional: true)],
            routes: [.request, .onreply, .failure], isSlow: true),
        FunctionDeclaration("force_rport", routes: [.request, .onreply, .failure, .branch]),
        FunctionDeclaration("add_local_rport", routes: [.request, .failure, .branch]),
        FunctionDeclaration("force_tcp_alias", [.integer("port", optional: true)]),
        FunctionDeclaration("tcp_close_conn"),
        FunctionDeclaration("set_advertised_address", [.string("address")]),
        FunctionDeclaration("set_advertised_port", [.stringOrInteger("port")]),
        FunctionDeclaration("force_send_socket", [.string("socket")]),
        FunctionDeclaration("set_via_handling", [.string("flags")]),
        FunctionDeclaration("socket_belongs_to_bond", [.string("socket"), .string("bond")]),
        FunctionDeclaration("is_myself", [.string("host"), .integer("port", optional: true)]),
        FunctionDeclaration("sr_check_status", [.string("group"), .string("identifier", optional: true)]),
        FunctionDeclaration("use_blacklist", [.string("name")]),
        FunctionDeclaration("unuse_blacklist", [.string("name")]),
        FunctionDeclaration(
            "check_blacklist_rule", rule),
        FunctionDeclaration(
            "add_blacklist_rule", rule + [.integer("expire", optional: true)], availability: .missing(rules)),
        FunctionDeclaration("del_blacklist_rule", rule, availability: .missing(rules)),
    ]

    private static let rule: [ParameterSpec] = [
        .string("name", optional: true), .string("ip"), .integer("port", optional: true),
        .string("proto", optional: true), .string("pattern", optional: true),
    ]

    static func functions(_ host: CoreHost) -> [String: HostFunction] {
        [
            "forward": host.forward,
            "send": host.send,
            "force_rport": { call in
                call.context.forceRport = true
                return .yes
            },
            "add_local_rport": { call in
                call.context.addLocalRport = true
                return .yes
            },
            "force_tcp_alias": { call in Outcome(host.addAlias(call, call.integer(0))) },
            "tcp_close_conn": { call in Outcome(host.closeConnection(call)) },
            "set_advertised_address": { call in
                call.context.advertisedAddress = call.string(0)?.nonEmpty?.compacted()
                return Outcome(call.context.advertisedAddress != nil)
            },
            "set_advertised_port": { call in
                guard let port = call.integer(0), (1...65_535).contains(port) else { return .no }
                call.context.advertisedPort = ByteString(decimal: port)
                return .yes
            },
            "force_send_socket": { call in
                guard let text = call.string(0), let socket = host.socket(text) else {
                    call.log(
                        .error, "force_send_socket(): \"\(call.string(0)?.string ?? "")\" is not one of our sockets")
                    return .no
                }
                call.context.socketOut = socket
                return .yes
            },
            "set_via_handling": { call in viaHandling(call, host) },
            "socket_belongs_to_bond": { call in
                guard let socket = call.string(0), let bond = call.string(1) else { return .no }
                return Outcome(host.isInBond(socket, bond))
            },
            "is_myself": { call in
                guard let text = call.string(0) else { return .no }
                return Outcome(host.isMyself(text.withoutBrackets, call.integer(1) ?? 0, nil))
            },
            "sr_check_status": checkStatus,
            "use_blacklist": { blacklist($0, host) { $0 | $1 } },
            "unuse_blacklist": { blacklist($0, host) { $0 & ~$1 } },
            "check_blacklist_rule": { call in
                guard let name = call.string(0) else { return Outcome(host.isBlacklisted(nil, call)) }
                return Outcome(host.blacklist(name).map { host.isBlacklisted($0, call) } ?? false)
            },
        ]
    }

    private static func blacklist(
        _ call: borrowing Call, _ host: CoreHost, _ change: (UInt64, UInt64) -> UInt64
    ) -> Outcome {
        guard let name = call.string(0), let list = host.blacklist(name), list < 64 else {
            call.log(.error, "\(call.name)(): there is no blacklist \"\(call.string(0)?.string ?? "")\"")
            return .no
        }
        call.context.blacklists = change(call.context.blacklists ?? host.defaultBlacklists, 1 << UInt64(list))
        return .yes
    }

    /// There is one group, the core, with one part: it runs when it can be asked.
    @Sendable private static func checkStatus(_ call: borrowing Call) -> Outcome {
        guard call.string(0) == "core", ["main", "all"].contains(call.string(1) ?? "main") else {
            call.log(.error, "sr_check_status(): there is the group \"core\" with the identifier \"main\"")
            return .no
        }
        return .yes
    }

    /// `"force-rport,add-local-rport"` and the like.
    private static func viaHandling(_ call: borrowing Call, _ host: CoreHost) -> Outcome {
        let context = call.context
        guard let text = call.string(0) else { return .no }
        for flag in text.split(at: ASCII.comma).map({ $0.trimmed() }) {
            if flag.equalsIgnoringCase("force-rport") {
                context.forceRport = true
            } else if flag.equalsIgnoringCase("add-local-rport") {
                context.addLocalRport = true
            } else if flag.equalsIgnoringCase("reply-to-via") {
                context.viaHandling |= 1
            } else if flag.equalsIgnoringCase("force-tcp-alias") {
                context.viaHandling |= 2
                _ = host.addAlias(call, nil)
            } else {
                call.log(.error, "set_via_handling(): unknown flag \"\(flag)\"")
                return .no
            }
        }
        return .yes
    }
}
