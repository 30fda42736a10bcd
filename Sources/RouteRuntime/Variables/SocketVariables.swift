import Bytes
import RouteLanguage

/// `$socket_in` and `$socket_out` with their fields.
enum SocketVariables {
    private enum Field: Int, CaseIterable {
        case ip = 1, port, proto, advertisedIP, advertisedPort, tag, anycast, af, forced

        var name: ByteString {
            switch self {
            case .ip: "ip"
            case .port: "port"
            case .proto: "proto"
            case .advertisedIP: "advertised_ip"
            case .advertisedPort: "advertised_port"
            case .tag: "tag"
            case .anycast: "anycast"
            case .af: "af"
            case .forced: "forced"
            }
        }
    }

    static func all(_ sockets: @escaping @Sendable (ByteString) -> ScriptSocket?) -> [VariableDefinition] {
        [
            VariableDefinition(VariableDeclaration("socket_in", inner: .optional), prepare: prepare) { access in
                access.token == Field.forced.rawValue ? .null : read(access.context.socketIn, access.token)
            },
            VariableDefinition(
                VariableDeclaration("socket_out", inner: .optional, isWritable: true), prepare: prepare
            ) { access in
                access.token == Field.forced.rawValue
                    ? read(access.context.socketOut, 0)
                    : read(access.context.socketOut ?? access.context.socketIn, access.token)
            } write: { access, value, _ in
                guard access.token == 0 else { return access.refuse("the fields of $socket_out cannot be written") }
                guard let text = value.assignable else {
                    access.context.socketOut = nil
                    return true
                }
                guard let socket = sockets(text) else { return access.refuse("\"\(text)\" is not one of our sockets") }
                access.context.socketOut = socket
                return true
            },
        ]
    }

    @Sendable private static func prepare(_ name: ByteString) -> Int? {
        Field.allCases.first { $0.name == name }?.rawValue
    }

    private static func read(_ socket: ScriptSocket?, _ token: Int) -> Value {
        guard let socket else { return .null }
        switch Field(rawValue: token) {
        case nil, .forced: return .string(socket.description)
        case .ip: return .string(socket.address)
        case .port: return .decimal(socket.port)
        case .proto: return .string(socket.transport.uppercased())
        case .advertisedIP: return Value(socket.advertisedAddress)
        case .advertisedPort: return socket.advertisedPort.map { .decimal($0) } ?? .null
        case .tag: return Value(socket.tag)
        case .anycast: return .decimal(socket.isAnycast ? 1 : 0)
        case .af: return .string(socket.isIPv6 ? "INET6" : "INET")
        }
    }
}
