package import Reactor

/// A listener as the operator wrote it: a host that may be an address, a name, an interface or `*`.
package struct ListenRequest: Hashable, Sendable, CustomStringConvertible {
    package var transport: Transport
    package var host: String
    package var port: UInt16
    package var advertisedHost: String?
    package var advertisedPort: UInt16?
    package var tag: String?

    package init(
        transport: Transport, host: String, port: UInt16? = nil, advertisedHost: String? = nil,
        advertisedPort: UInt16? = nil, tag: String? = nil
    ) {
        self.transport = transport
        self.host = host
        self.port = port ?? transport.defaultPort
        self.advertisedHost = advertisedHost
        self.advertisedPort = advertisedPort
        self.tag = tag
    }

    package var description: String { "\(transport.name):\(host):\(port)" }
}

/// Why a listener can't be had, in words for the operator.
package enum ListenError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Another program, or another listener, has the address.
    case addressInUse(String)
    /// A port below 1024 without the privilege, or a policy.
    case notPermitted(String)
    /// No interface of this machine has the address.
    case addressNotHere(String, present: [String])
    /// Neither an address, nor an interface, nor a name that resolves.
    case unknownHost(String, reason: String)
    case tooMany(String, limit: Int)
    /// SIPRay does not listen on that transport.
    case transportMissing(String)
    case system(String, SystemCallError)

    package var description: String {
        switch self {
        case .addressInUse(let socket):
            "\(socket): the address is in use; stop the other server (ss -lunpt shows it) or listen elsewhere"
        case .notPermitted(let socket):
            "\(socket): not permitted; a port below 1024 needs CAP_NET_BIND_SERVICE"
        case .addressNotHere(let socket, let present):
            "\(socket): no interface of this machine has that address; it has \(present.joined(separator: ", "))"
        case .unknownHost(let socket, let reason):
            "\(socket): neither an address, nor an interface, nor a known name: \(reason)"
        case .tooMany(let socket, let limit):
            "\(socket): stands for more than \(limit) addresses"
        case .transportMissing(let socket):
            "\(socket): SIPRay listens on udp and tcp only in this version"
        case .system(let socket, let error):
            "\(socket): \(error)"
        }
    }
}
