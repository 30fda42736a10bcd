import Bytes
package import RouteLanguage
import Synchronization

/// A script ready to run: its program bound to host functions and variables. Immutable, shared by all processes.
package final class ScriptEngine: @unchecked Sendable {
    // @unchecked: `code` points to memory that is written in init only and freed in deinit.
    package let configuration: ScriptConfiguration
    package let flags: FlagNames
    let bound: BoundProgram
    let binder: Binder
    /// The program's words, without bounds checks: the compiler made every target and index.
    let code: UnsafePointer<Int32>
    private let files: SourceFiles
    private let handles: [RouteKind: [String: RouteHandle]]
    private let waitingRuns = Atomic<Int>(0)

    /// Runs that wait now, on all processes. Any thread.
    package var waitingCount: Int { waitingRuns.load(ordering: .relaxed) }

    func noteWaiting(_ change: Int) { waitingRuns.wrappingAdd(change, ordering: .relaxed) }

    /// Compiles the routes of a checked script and binds them.
    ///
    /// - Parameter bindings: the core's and one per loaded module; where two provide a name, the first wins.
    /// - Throws: what the script uses and no binding provides.
    package convenience init(
        script: Script, catalogue: Catalogue, bindings: [ModuleBinding], flags: FlagNames,
        configuration: ScriptConfiguration
    ) throws(ScriptBindingError) {
        try self.init(
            program: Compiler.compile(script.routes), files: script.files, catalogue: catalogue,
            modules: script.modules.map(\.name), bindings: bindings, flags: flags, configuration: configuration)
    }

    package init(
        program: Program, files: SourceFiles, catalogue: Catalogue, modules: [String], bindings: [ModuleBinding],
        flags: FlagNames, configuration: ScriptConfiguration
    ) throws(ScriptBindingError) {
        self.configuration = configuration
        self.flags = flags
        self.files = files
        binder = Binder(catalogue: catalogue, modules: modules, bindings: bindings, flags: flags)
        bound = try BoundProgram.bind(program, with: binder, files: { files.name(Int($0.file)) })
        let words = UnsafeMutablePointer<Int32>.allocate(capacity: program.code.count + 1)
        words.initialize(repeating: Opcode.exit.rawValue, count: program.code.count + 1)
        for (index, word) in program.code.enumerated() { words[index] = word }
        code = UnsafePointer(words)
        var handles: [RouteKind: [String: RouteHandle]] = [:]
        for (index, route) in program.routes.enumerated() {
            handles[route.kind, default: [:]][route.name ?? ""] = RouteHandle(index: index)
        }
        self.handles = handles
    }

    deinit { code.deallocate() }

    /// The route of a kind and name; the unnamed one is asked for with nil. Of `.request` these are the plain routes.
    package func route(_ kind: RouteKind, _ name: String? = nil) -> RouteHandle? {
        handles[kind]?[kind == .request && name == "0" ? "" : name ?? ""]
    }

    /// All routes of a kind: event routes by event, timer routes with their intervals.
    package func routes(_ kind: RouteKind) -> [(handle: RouteHandle, name: String?, intervalSeconds: Int?)] {
        bound.program.routes.enumerated().filter { $0.element.kind == kind }.map {
            (RouteHandle(index: $0.offset), $0.element.name, $0.element.intervalSeconds)
        }
    }

    package func name(of route: RouteHandle) -> String { bound.routes[route.index].displayName }

    /// The file that a location lies in.
    package func fileName(_ location: SourceLocation) -> String { files.name(Int(location.file)) }
}
