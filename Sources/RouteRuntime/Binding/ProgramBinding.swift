import Bytes
import Profiling
import RouteLanguage

extension BoundProgram {
    /// Binds every pool of a program.
    ///
    /// - Throws: what nobody provides. The checker has refused such scripts, so this is a gap between a module's
    ///   declaration and its binding.
    static func bind(
        _ program: Program, with binder: Binder, files: @escaping (SourceLocation) -> String
    ) throws(ScriptBindingError) -> BoundProgram {
        var binding = Binding(binder)
        // A pool keeps its indexes: what cannot be bound is a problem, and problems are thrown below.
        let formats = program.formats.map { binding.format($0) }
        let variables = program.variables.compactMap { binding.variable($0) }
        let calls = program.calls.enumerated().compactMap { index, call in
            binding.call(call, index: index, program: program, files: files)
        }
        let routeCalls = program.routeCalls.map { binding.routeCall($0, formats: formats, program, files) }
        let timeouts = program.asyncStatements.map { statement in
            statement.timeout.map { binding.argument($0, .integer("timeout")) }
        }
        let patterns = program.patterns.compactMap { binding.pattern($0) }
        guard binding.problems.isEmpty else { throw ScriptBindingError(problems: binding.problems) }
        return BoundProgram(
            program: program, strings: program.strings.map { ByteString($0) }, formats: formats,
            variables: variables, patterns: patterns, calls: calls, routeCalls: routeCalls,
            asyncTimeouts: timeouts,
            asyncSites: program.asyncStatements.map { program.resumeSite($0.call, $0.resume) },
            launchSites: program.launchStatements.map { program.resumeSite($0.call, $0.report) },
            routes: program.routes.map { BoundRoute($0, file: files($0.location)) },
            switches: program.switches.map { BoundSwitch($0, variables) }, slots: binding.slots)
    }
}

extension Program {
    /// The site of the resume that follows a call: names the function and the route that goes on.
    fileprivate func resumeSite(_ call: Int, _ target: RouteTarget?) -> Site {
        let route =
            switch target {
            case .route(let index)?: routes[index].displayName
            case .unknown(let name)?: name
            case .dynamic?: "route"
            case nil: "no route"
            }
        return ResumeSites.handler(calls[call].name, route)
    }
}

extension Binding {
    fileprivate mutating func pattern(_ pattern: Pattern) -> RegularExpression? {
        if let compiled = RegularExpression(ByteString(pattern.text)) { return compiled }
        let text = String(decoding: pattern.text, as: UTF8.self)
        problems.append("line \(pattern.location.line): \"\(text)\" is not a regular expression")
        return nil
    }

    fileprivate mutating func call(
        _ call: FunctionCall, index: Int, program: Program, files: (SourceLocation) -> String
    ) -> BoundCall? {
        guard let function = binder.functions[call.name] else {
            problems.append("line \(call.location.line): no module provides \(call.name)()")
            return nil
        }
        let declaration = binder.declarations[call.name]
        var arguments: [BoundArgument] = []
        for (position, argument) in call.arguments.enumerated() {
            let spec = declaration.flatMap { $0.parameters.indices.contains(position) ? $0.parameters[position] : nil }
            var bound = self.argument(argument, spec)
            if case .routeName(let kind)? = spec?.kind, case .constant(let value) = bound.kind,
                let name = value.text?.string
            {
                bound.route = program.routeIndex(kind, name).map { RouteHandle(index: $0) }
            }
            if position == 0, let family = FlagFunctions.families[call.name], case .constant(let value) = bound.kind,
                let name = value.text
            {
                bound.flagMask = binder.flags.mask(name, of: family)
            }
            arguments.append(bound)
        }
        let site =
            declaration?.isSlow == true
            ? Site(call.name, file: files(call.location), line: Int(call.location.line), interest: .script) : nil
        return BoundCall(
            index: index, name: call.name, location: call.location, function: function, arguments: arguments,
            site: site,
            resumeSite: declaration?.isSlow == true || declaration?.hasAsyncForm == true
                ? ResumeSites.statement(call.name) : .silent)
    }

    fileprivate mutating func routeCall(
        _ call: RouteCall, formats: [BoundFormat], _ program: Program, _ files: (SourceLocation) -> String
    ) -> BoundRouteCall {
        let arguments = call.arguments.compactMap { argument -> BoundRouteCall.Argument? in
            switch argument.kind {
            case .number(let number): .constant(.integer(number))
            case .string(let format): .constant(.string(ByteString(format.raw)))
            case .variable(let variable): self.variable(variable).map { .variable($0) }
            }
        }
        func site(_ index: Int) -> Site {
            Site(
                program.routes[index].displayName, file: files(call.location), line: Int(call.location.line),
                interest: .script)
        }
        switch call.target {
        case .route(let index):
            return BoundRouteCall(
                target: .route(index), arguments: arguments, location: call.location, sites: [index: site(index)])
        case .unknown(let name):
            return BoundRouteCall(target: .unknown(name), arguments: arguments, location: call.location, sites: [:])
        case .dynamic(let format):
            let plain = program.routes.indices.filter { program.routes[$0].kind == .request }
            return BoundRouteCall(
                target: .dynamic(formats[format]), arguments: arguments, location: call.location,
                sites: Dictionary(uniqueKeysWithValues: plain.map { ($0, site($0)) }))
        }
    }
}

extension BoundRoute {
    fileprivate init(_ route: CompiledRoute, file: String) {
        let name = route.name.map { "[\($0)]" } ?? ""
        self.init(
            compiled: route, fullName: ByteString(route.kind.keyword + name),
            startSites: RouteKind.allCases.map { kind in
                Site(route.displayName, type: kind.rawValue, interest: .script)
            },
            enterSite: Site(route.displayName, file: file, line: Int(route.location.line), interest: .script))
    }
}

extension BoundSwitch {
    fileprivate init(_ table: SwitchTable, _ variables: [BoundVariable]) {
        subject = variables[table.subject]
        entries = table.entries.map { entry in
            switch entry.constant {
            case .number(let number): (.number(number), entry.target)
            case .string(let text): (.text(ByteString(text)), entry.target)
            case .null: (.null, entry.target)
            }
        }
        defaultTarget = table.defaultTarget
    }
}
