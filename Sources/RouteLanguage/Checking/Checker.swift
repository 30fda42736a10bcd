/// Checks a syntax tree against the catalogue: names, counts, kinds, places. Reports everything; changes nothing.
struct Checker {
    let catalogue: Catalogue
    let tree: SyntaxTree
    let files: SourceFiles
    let limits: ScriptLimits
    var diagnostics: DiagnosticList
    /// The core, then the loaded modules in their order.
    var visible: [ModuleDeclaration] = []
    var functions: [String: (module: String, declaration: FunctionDeclaration)] = [:]
    var variables: [String: (module: String, declaration: VariableDeclaration)] = [:]
    var transformations: [String: TransformationDeclaration] = [:]
    var routeNames: [RouteKind: Set<String>] = [:]
    /// Modules that the script asks for and does not get: what is unknown may be theirs.
    var refusedModules: [String] = []
    /// Whether some text of the script is expanded later by `{s.eval}`.
    let usesEvaluation: Bool
    /// Of the route that is being checked.
    var kind: RouteKind = .request

    init(
        catalogue: Catalogue, tree: SyntaxTree, files: SourceFiles, limits: ScriptLimits, diagnostics: DiagnosticList
    ) {
        self.catalogue = catalogue
        self.tree = tree
        self.files = files
        self.limits = limits
        self.diagnostics = diagnostics
        usesEvaluation = files.files.contains { $0.bytes.contains(text: "{s.eval") }
    }

    mutating func check() -> Script {
        var parameters = GlobalParameters()
        for assignment in tree.globals { parameters.set(assignment) }
        var script = Script(
            fileName: files.name(0), files: files, parameters: parameters, sockets: tree.sockets, bonds: tree.bonds,
            aliases: tree.aliases, autoScalingProfiles: tree.profiles, blacklists: tree.blacklists, modules: [],
            moduleParameters: [], routes: tree.routes)
        checkModules(&script)
        buildTables()
        checkTransports()
        checkProfiles()
        checkRouteTable()
        for route in tree.routes {
            kind = route.kind
            check(route.body)
        }
        return script
    }

    private mutating func buildTables() {
        for module in visible {
            for function in module.functions where functions[function.name] == nil {
                functions[function.name] = (module.name, function)
            }
            for variable in module.variables where variables[variable.name] == nil {
                variables[variable.name] = (module.name, variable)
            }
            for transformation in module.transformations {
                transformations[transformation.family + "." + transformation.name] = transformation
            }
        }
    }

    /// What to say of a name that nobody knows.
    var unknownHint: String {
        refusedModules.isEmpty
            ? "maybe a loadmodule is missing"
            : "maybe it belongs to \(refusedModules.map { "`\($0)`" }.joined(separator: ", ")), which SIPRay does not have"
    }

    // MARK: Sockets and profiles

    private mutating func checkTransports() {
        let loaded = Set(visible.compactMap(\.transport))
        for socket in tree.sockets where !loaded.contains(socket.transport) {
            let known = catalogue.modules.first { $0.transport == socket.transport && $0.availability == .available }
            diagnostics.error(
                "no-transport", at: socket.location, "no transport protocol loaded for \(socket.transport)",
                hint: known.map { "write `loadmodule \"\($0.name).so\"`" }
                    ?? "SIPRay has \(catalogue.modules.compactMap(\.transport).sorted().joined(separator: ", "))")
        }
    }

    private mutating func checkProfiles() {
        let names = Set(tree.profiles.map(\.name))
        let used =
            tree.sockets.compactMap { socket in socket.options.autoScalingProfile.map { ($0, socket.location) } }
            + tree.globals.compactMap { global in global.autoScalingProfile.map { ($0, global.location) } }
        for (name, location) in used where !names.contains(name) {
            diagnostics.error(
                "unknown-profile", at: location, "there is no auto_scaling_profile `\(name)`",
                hint: Suggestions.closest(to: name, in: names.sorted()).map { "did you mean `\($0)`?" })
        }
    }

    // MARK: Routes

    private mutating func checkRouteTable() {
        var first: [String: SourceLocation] = [:]
        var counts: [RouteKind: Int] = [:]
        for route in tree.routes {
            let title = route.kind.keyword + (route.name.map { "[\($0)]" } ?? "")
            if let earlier = first[title] {
                diagnostics.add(
                    Diagnostic(
                        .error, "duplicate-route", at: route.nameLocation, "`\(title)` is defined twice",
                        notes: [Diagnostic.Note(location: earlier, message: "the first is here")]))
            } else {
                first[title] = route.nameLocation
            }
            counts[route.kind, default: 0] += 1
            if counts[route.kind] == limits.routesPerKindMax + 1 {
                diagnostics.error(
                    "too-many-routes", at: route.location,
                    "more than \(limits.routesPerKindMax) routes of the kind \(route.kind.keyword)")
            }
            if let name = route.name { routeNames[route.kind, default: []].insert(name) }
        }
        if first["route"] == nil, diagnostics.errorCount == 0 {
            diagnostics.warn(
                "no-request-route", at: SourceLocation(file: 0, line: 0, column: 0, length: 0),
                "there is no `route { … }`: every request is discarded")
        }
    }

    /// A route that is named where it is called or armed.
    mutating func checkRouteReference(_ name: RouteName, kind: RouteKind) {
        switch name {
        case .constant(let name, let location):
            checkRouteExists(name, kind: kind, at: location)
        case .dynamic(let format):
            check(format)
        }
    }

    mutating func checkRouteExists(_ name: String, kind: RouteKind, at location: SourceLocation) {
        if routeNames[kind]?.contains(name) == true { return }
        // The unnamed one can be called by its number.
        if name == "0", kind == .request { return }
        if diagnostics.isFull {
            return diagnostics.error("missing-route", at: location, "there is no `\(kind.keyword)[\(name)]`")
        }
        let other = RouteKind.allCases.first { routeNames[$0]?.contains(name) == true }
        let hint =
            other.map { "there is `\($0.keyword)[\(name)]`, which is another kind of route" }
            ?? Suggestions.closest(to: name, in: routeNames[kind, default: []].sorted()).map { "did you mean `\($0)`?" }
            ?? "write `\(kind.keyword)[\(name)] { … }`"
        diagnostics.error("missing-route", at: location, "there is no `\(kind.keyword)[\(name)]`", hint: hint)
    }
}

extension [UInt8] {
    fileprivate func contains(text: StaticString) -> Bool {
        let wanted = Array("\(text)".utf8)
        guard count >= wanted.count, let first = wanted.first else { return false }
        var index = startIndex
        while let found = self[index...].firstIndex(of: first) {
            if self[found...].starts(with: wanted) { return true }
            index = found + 1
        }
        return false
    }
}
