package import RouteLanguage

/// Every module that SIPRay has.
///
/// `declarations` is what a script is checked against: no socket, process or store is needed for it.
package enum ModuleLibrary {
    /// All modules that `loadmodule` takes, in the order in which `sipray check` lists them.
    package static let declarations: [ModuleDeclaration] = [
        .signaling, .sl, .rr, .maxfwd, .sipmsgops, .textops, .usrloc, .registrar, .acc, .cfgutils, .options,
        .protoUDP, .miFIFO, .miDatagram, .eventDatagram, .eventRoute,
    ]
}
