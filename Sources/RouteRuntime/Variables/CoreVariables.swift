package import Bytes

/// The variables that need no `loadmodule`.
package enum CoreVariables {
    /// - Parameter sockets: finds the listening socket that a text such as `udp:10.0.0.1:5060` or a tag names.
    package static func all(
        _ flags: FlagNames, sockets: @escaping @Sendable (ByteString) -> ScriptSocket?
    ) -> [VariableDefinition] {
        URIVariables.all + BranchVariables.all(flags, sockets: sockets) + HeaderVariables.all
            + MessageVariables.all(flags) + SocketVariables.all(sockets) + AuthorizationVariables.all + AVPVariables.all
            + TimeVariables.all + RouteVariables.all + SDPVariables.all
    }
}
