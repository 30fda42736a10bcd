/// The value of a global parameter or of a module parameter.
package enum ConstantValue: Hashable, Sendable {
    case integer(Int)
    case string([UInt8])
}

/// `name = value` at top level.
package struct GlobalAssignment: Sendable {
    package var location: SourceLocation
    package var name: String
    package var value: ConstantValue
    package var valueLocation: SourceLocation
    /// `udp_workers = 4 use_auto_scaling_profile P`
    package var autoScalingProfile: String?
}

/// `loadmodule "tm.so"`
package struct LoadModule: Sendable {
    package var location: SourceLocation
    /// As written: `tm.so`, `/usr/lib/opensips/modules/tm.so`.
    package var path: String
    /// `tm`
    package var name: String
}

/// `modparam("module-regex", "name", value)` as written.
package struct ModuleParameterAssignment: Sendable {
    package var location: SourceLocation
    package var modulePattern: String
    package var modulePatternLocation: SourceLocation
    package var name: String
    package var nameLocation: SourceLocation
    package var value: ConstantValue
    package var valueLocation: SourceLocation
}

/// A `modparam` of one module after its pattern was resolved. Several of one name stay in the order of the script.
package struct ModuleParameterValue: Sendable {
    package var module: String
    package var name: String
    package var value: ConstantValue
    /// Of the value.
    package var location: SourceLocation
}

/// `socket = udp:10.0.0.1:5060 as 1.2.3.4 use_workers 2`
package struct SocketDefinition: Sendable {
    package enum HostKind: Sendable {
        case ipv4, ipv6
        /// A host name or the name of an interface.
        case name
        /// `*`: every interface.
        case any

        package var isName: Bool { self == .name }
    }

    package var location: SourceLocation
    /// `udp`, `tcp`, `tls`, `ws`, …
    package var transport: String
    /// Without brackets.
    package var host: String
    package var hostKind: HostKind
    /// Empty: the default port of the transport.
    package var ports: [UInt16]
    package var options: SocketOptions
}

/// What may follow a socket, in any order.
package struct SocketOptions: Sendable {
    package var advertisedHost: String?
    package var advertisedPort: UInt16?
    package var workers: Int?
    package var autoScalingProfile: String?
    package var tag: String?
    package var tos: Int?
    package var isAnycast = false
    package var allowsFragments = false
    package var reusesPort = false
    package var acceptsSubdomain = false
    package var allowsProxyProtocol = false
    package var sendsProxyProtocol = false

    package init() {}
}

/// `socket = bond:NAME {"s1", "s2"}`
package struct SocketBond: Sendable {
    package var location: SourceLocation
    package var name: String
    package var members: [String]
}

/// One entry of `alias = …`.
package struct AliasDefinition: Sendable {
    package var location: SourceLocation
    /// nil for any.
    package var transport: String?
    package var host: String
    /// 0 for any.
    package var port: UInt16
    package var acceptsSubdomain: Bool
}

/// `auto_scaling_profile = P scale up to 6 on 70% for 4 cycles within 5 scale down to 2 on 18% for 10 cycles`
package struct AutoScalingProfile: Sendable {
    package struct Rule: Sendable {
        package var workers: Int
        package var loadPercent: Int
        package var cycles: Int
        /// Of how many the cycles must be; nil: in a row.
        package var within: Int?
    }

    package var location: SourceLocation
    package var name: String
    package var up: Rule
    package var down: Rule?
}

/// `dst_blacklist = NAME/flags:{ (tcp,192.168.0.0/16,5060,"pattern"), !(…) }`
package struct DestinationBlacklist: Sendable {
    package struct Rule: Sendable {
        package var isNegated: Bool
        /// nil for any.
        package var transport: String?
        package var network: IPNetwork
        /// 0 for any.
        package var port: UInt16
        package var pattern: String
    }

    package var location: SourceLocation
    package var name: String
    package var flags: [String]
    package var rules: [Rule]
}
