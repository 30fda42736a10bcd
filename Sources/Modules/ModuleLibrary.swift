package import RouteLanguage
package import RouteRuntime

/// Every module that SIPRay has.
///
/// `declarations` is what a script is checked against: no socket, process or store is needed for it. `bind` makes the
/// functions of the modules that a script loads.
package enum ModuleLibrary {
    /// All modules that `loadmodule` takes, in the order in which `sipray check` lists them.
    package static let declarations: [ModuleDeclaration] = [
        .signaling, .sl, .tm, .rr, .maxfwd, .sipmsgops, .textops, .usrloc, .registrar, .acc, .cfgutils, .cacheDBLocal,
        .options,
        .openTelemetry, .uacAuth, .uac, .tlsMgm, .restClient, .exec, .dialog, .topologyHiding, .b2bEntities, .b2bLogic,
        .protoUDP, .protoTCP, .miFIFO, .miDatagram, .eventDatagram, .eventRoute, .httpd, .miHTTP, .eventStream,
    ]

    /// Core and all modules, also those of the peer that are missing: what a script is checked against.
    package static var catalogue: Catalogue { .withCore(modules: declarations + PeerModules.declarations) }

    /// Binds the modules in `names`, in this order, but for the core and those of B2B.
    /// - Throws: the first parameter that a module cannot work with.
    package static func bind(
        _ names: [String], _ environment: ModuleEnvironment
    ) throws(ModuleError) -> [ModuleBinding] {
        var bindings: [ModuleBinding] = []
        for name in names {
            if let binding = try bind(name, environment) { bindings.append(binding) }
        }
        return bindings
    }

    private static func bind(
        _ name: String, _ environment: ModuleEnvironment
    ) throws(ModuleError) -> ModuleBinding? {
        switch name {
        case "tm": return TMModule.bind(environment)
        case "signaling": return SignalingModule.bind(environment)
        case "sl": return SLModule.bind(environment)
        case "rr": return RRModule.bind(environment)
        case "maxfwd": return MaxFwdModule.bind(environment)
        case "sipmsgops": return SIPMsgOpsModule.bind(environment)
        case "textops": return TextOpsModule().binding
        case "usrloc": return try UsrLocModule.bind(environment)
        case "registrar": return try RegistrarModule(environment).binding
        case "acc": return try AccModule(environment).binding
        case "cachedb_local": return CacheDBLocalModule.bind(environment)
        case "options": return OptionsModule.bind(environment)
        case "dialog": return try DialogModule.bind(environment)
        case "topology_hiding": return try TopologyHidingModule.bind(environment)
        case "cfgutils":
            let module = try CfgUtilsModule(environment)
            environment.cfgutils = module
            return module.binding
        case "uac": return try UACModule.bind(environment)
        case "tls_mgm":
            environment.tlsClientDomains = try TLSClientDomains(environment.parameters).all
            return ModuleBinding("tls_mgm")
        case "exec": return try ExecModule.bind(environment)
        case "uac_auth":
            _ = try environment.credentials()
            return ModuleBinding("uac_auth")
        // Transports of SIP, management and events: the Server makes their processes.
        default: return nil
        }
    }
}
