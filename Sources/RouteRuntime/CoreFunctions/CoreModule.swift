package import RouteLanguage

/// The core as a module: what scripts can use without `loadmodule`.
package enum CoreModule {
    /// What the core adds to the language.
    package static let declaration: ModuleDeclaration = {
        let flags = FlagNames()
        return ModuleDeclaration(
            "core",
            functions: URIFunctions.declarations + BranchFunctions.declarations + FlagFunctions.declarations
                + SendingFunctions.declarations + ScriptFunctions.declarations
                + CacheFunctions.declarations,
            variables: CoreVariables.all(flags, sockets: { _ in nil }).map(\.declaration),
            transformations: CoreTransformations.all.map(\.declaration))
    }()

    /// The core, ready to be called.
    package static func binding(_ host: CoreHost, flags: FlagNames) -> ModuleBinding {
        var functions = URIFunctions.functions
        functions.merge(BranchFunctions.functions) { first, _ in first }
        functions.merge(FlagFunctions.functions(flags)) { first, _ in first }
        functions.merge(SendingFunctions.functions(host)) { first, _ in first }
        functions.merge(ScriptFunctions.functions(host)) { first, _ in first }
        functions.merge(CacheFunctions.functions(host)) { first, _ in first }
        return ModuleBinding(
            "core", functions: functions, variables: CoreVariables.all(flags, sockets: host.socket),
            transformations: CoreTransformations.all)
    }
}

extension Catalogue {
    /// The catalogue of a server with these modules.
    package static func withCore(modules: [ModuleDeclaration]) -> Catalogue {
        Catalogue(core: CoreModule.declaration, modules: modules)
    }
}
