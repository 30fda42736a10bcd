/// Everything that scripts can name: what the checker and the compiler look words up in.
///
/// Built once at start, then read only. Where several modules declare one function, the first loaded one wins, after
/// the core.
package struct Catalogue: Sendable {
    /// Functions and variables that need no `loadmodule`. Its name is `core`.
    package var core: ModuleDeclaration
    package var modules: [ModuleDeclaration]

    package init(core: ModuleDeclaration, modules: [ModuleDeclaration]) {
        self.core = core
        self.modules = modules
    }

    package func module(_ name: String) -> ModuleDeclaration? {
        modules.first { $0.name == name }
    }
}
