/// A whole script after reading and checking: what `sipray serve` runs.
///
/// The syntax tree of the routes plus the resolved tables of everything at top level.
package struct Script: Sendable {
    /// As given on the command line; what records and `$cfg_file` show.
    package var fileName: String
    /// Every file that was read; index with `SourceLocation.file`.
    package var files: SourceFiles
    package var parameters: GlobalParameters
    package var sockets: [SocketDefinition]
    package var bonds: [SocketBond]
    package var aliases: [AliasDefinition]
    package var autoScalingProfiles: [AutoScalingProfile]
    package var blacklists: [DestinationBlacklist]
    /// In the order of `loadmodule`, once each.
    package var modules: [LoadModule]
    /// In the order of the script, patterns resolved.
    package var moduleParameters: [ModuleParameterValue]
    package var routes: [RouteDefinition]

    /// The route of a kind and name, nil when there is none. The unnamed one is asked for with nil.
    package func route(_ kind: RouteKind, _ name: String?) -> RouteDefinition? {
        routes.first { $0.kind == kind && $0.name == name }
    }

    package func isLoaded(_ module: String) -> Bool {
        modules.contains { $0.name == module }
    }

    /// Takes out the `modparam`, global parameter or `loadmodule` (with its `modparam`s) whose value stands at `location`;
    /// false when none does.
    package mutating func removeSetting(at location: SourceLocation) -> Bool {
        if let module = modules.firstIndex(where: { $0.location == location }) {
            let name = modules.remove(at: module).name
            moduleParameters.removeAll { $0.module == name }
            return true
        }
        let before = moduleParameters.count
        moduleParameters.removeAll { $0.location == location }
        return moduleParameters.count < before || parameters.remove(at: location)
    }

    /// The name of the file that a location lies in, as the writer knows it.
    package func fileName(of location: SourceLocation) -> String {
        files.name(Int(location.file))
    }
}
