import Glibc
import JSONRPC
import Management
import Reactor
import SIPConnections
import SIPTransport

/// `tcp:list` and `tcp:close`.
enum ConnectionCommands {
    /// Connections that one reply lists; past it the rest is counted.
    static let listMax = 10_000

    /// - Parameter hub: nil when no listener has connections.
    static func register(in registry: inout CommandRegistry, _ hub: ConnectionHub?) {
        registry.add(
            "tcp:list", aliases: ["list_tcp_conns"],
            "Lists the connections: both ends, state, life, what went over them.",
            [[], ["proto"]]
        ) { call throws(RPCError) in
            let proto = try call.optionalString("proto")
            guard let hub else { return .null }
            let all = hub.connections.filter { proto == nil || $0.socket.transport.name == proto?.lowercased() }
            var members: [JSONObject.Member] = [
                .init(key: "Connections", value: .array(all.prefix(listMax).map { describe($0, hub) }))
            ]
            if all.count > listMax { members.append(.init(key: "Left out", value: .integer(all.count - listMax))) }
            return .object(JSONObject(members))
        }
        registry.add(
            "tcp:close", aliases: ["close_tcp_conn"], "Closes a connection, named by its peer's ip:port or its ID.",
            [["ipport"]]
        ) { call throws(RPCError) in
            let name = try call.string("ipport")
            let found = hub.flatMap { hub in find(name, hub) }
            guard let hub, let found, hub.close(found) else {
                throw RPCError(
                    code: 404, message: "Connection not found",
                    data: .string(hub == nil ? "no listener has connections" : "tcp:list shows what there is"))
            }
            return "OK"
        }
    }

    private static func find(_ name: String, _ hub: ConnectionHub) -> ConnectionID? {
        if let number = UInt32(name) { return ConnectionID(number) }
        guard let address = SocketAddress(name) else { return nil }
        let all = hub.connections
        return (all.first { $0.peer == address } ?? all.first { $0.local == address })?.id
    }

    private static func describe(_ connection: Connection, _ hub: ConnectionHub) -> JSONValue {
        let state =
            switch connection.phase {
            case .connecting: "CONN_CONNECTING"
            case .open: "CONN_OK"
            case .halfOpen: "CONN_EOF"
            case .closed: "CONN_BAD"
            }
        var object = JSONObject([
            .init(key: "ID", value: .integer(Int(connection.id.number))),
            .init(key: "Type", value: .string(connection.socket.transport.name)),
            .init(key: "State", value: .string(state)),
            .init(key: "Source", value: .string(connection.peer.description)),
            .init(
                key: "Destination", value: .string((connection.local ?? connection.socket.address).description)),
            .init(key: "Lifetime", value: .string(time(after: connection.secondsLeft(hub.options)))),
        ])
        let aliases = connection.aliases
        if let alias = aliases.first { object.append("Alias port", .integer(Int(alias))) }
        if aliases.count > 1 { object.append("Alias ports", .array(aliases.map { .integer(Int($0)) })) }
        object.append("Direction", .string(connection.isAccepted ? "in" : "out"))
        object.append("Socket", .string(connection.socket.description))
        object.append("Received", .integer(connection.received))
        object.append("Sent", .integer(connection.sent))
        object.append("Waiting", .integer(connection.bytesWaiting))
        return .object(object)
    }

    /// The time of day in so many seconds: `2026-05-01 12:00:00`.
    private static func time(after seconds: Int) -> String {
        var moment = Glibc.time(nil) + seconds
        var parts = tm()
        localtime_r(&moment, &parts)
        var buffer = [CChar](repeating: 0, count: 32)
        let length = strftime(&buffer, buffer.count, "%Y-%m-%d %H:%M:%S", &parts)
        return String(decoding: buffer[..<length].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
