import Modules
package import RouteLanguage

extension Catalogue {
    /// Everything that a script of this server can name: the core and all modules. What `sipray check` and `sipray serve`
    /// check a script against. Needs no socket, process or store.
    package static var sipray: Catalogue { ModuleLibrary.catalogue }
}
