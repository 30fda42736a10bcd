/// Calls: the function, where it stands, and its arguments.
extension Checker {
    mutating func check(_ command: Command) {
        switch command.kind {
        case .function(let call): check(call)
        case .route(let name, let arguments):
            checkRouteReference(name, kind: .request)
            for argument in arguments { checkRouteArgument(argument) }
        case .exit, .drop, .log, .error: break
        case .returnValues(let values): for value in values { check(value) }
        case .assert(let condition, let message):
            check(condition)
            if let message { check(message) }
        case .xlog(let level, let format):
            if case .variable(let variable) = level { check(variable) }
            check(format)
        case .xdbg(let format): check(format)
        case .async(let call, let resume, let timeout):
            checkAsync(call, word: "async", command.location)
            checkRouteReference(resume, kind: .request)
            if let timeout, case .variable(let variable) = timeout.kind { check(variable) }
        case .launch(let call, let report, let parameter):
            checkAsync(call, word: "launch", command.location)
            if let report { checkRouteReference(report, kind: .request) }
            if let parameter { check(parameter) }
        }
    }

    /// Strings go to a route as they are written.
    private mutating func checkRouteArgument(_ argument: Argument) {
        switch argument.kind {
        case .variable(let variable): check(variable)
        case .number: break
        case .string(let format):
            for case .variable(let variable) in format.parts where variables[variable.name] != nil {
                diagnostics.warn(
                    "literal-argument", at: variable.location,
                    "strings are passed to a route as they are: `$\(variable.name)` is not expanded",
                    hint: "pass the variable without quotes, or put the text into a variable first")
            }
        }
    }

    private mutating func checkAsync(_ call: FunctionCall, word: String, _ location: SourceLocation) {
        check(call)
        if let (_, declaration) = functions[call.name], !declaration.hasAsyncForm {
            let able = functions.values.filter {
                $0.declaration.hasAsyncForm && $0.declaration.availability == .available
            }.map(\.declaration.name).sorted()
            diagnostics.error(
                "no-async-form", at: call.location, "`\(call.name)` has no asynchronous form",
                hint: able.isEmpty ? "call it without `\(word)`" : "these have one: \(able.joined(separator: ", "))")
        }
        guard word == "async" else { return }
        if kind != .request, kind != .onreply {
            diagnostics.error(
                "wrong-route", at: location, "`async` cannot be used in the block `\(kind.keyword)`",
                hint: "it needs a transaction that waits: route or onreply_route")
        }
        if catalogue.module("tm") != nil, !visible.contains(where: { $0.name == "tm" }) {
            diagnostics.error(
                "missing-requirement", at: location, "`async` needs module `tm`", hint: "write `loadmodule \"tm.so\"`")
        }
    }

    mutating func check(_ call: FunctionCall) {
        guard let (module, declaration) = functions[call.name] else {
            reportUnknownFunction(call)
            for case .some(let argument) in call.arguments {
                if case .variable(let variable) = argument.kind { check(variable) }
            }
            return
        }
        if case .missing(let reason) = declaration.availability {
            diagnostics.error(
                "missing-function", at: call.location, "SIPRay does not have `\(call.name)`: \(reason)")
            return
        }
        if !declaration.routes.contains(kind) {
            diagnostics.error(
                "wrong-route", at: call.location, "`\(call.name)` cannot be used in the block `\(kind.keyword)`",
                hint: "it can be used in \(declaration.routes.description)")
        }
        checkCount(call, declaration, module)
        for (argument, spec) in zip(call.arguments, declaration.parameters) {
            if let argument {
                check(argument, spec, call.name)
            } else if !spec.isOptional {
                diagnostics.error(
                    "missing-argument", at: call.location,
                    "argument \(spec.name) of `\(call.name)` cannot be left out", hint: usage(declaration))
            }
        }
    }

    private mutating func reportUnknownFunction(_ call: FunctionCall) {
        if diagnostics.isFull {
            return diagnostics.error("unknown-function", at: call.location, "unknown function `\(call.name)`")
        }
        let owners = catalogue.modules.filter { module in module.functions.contains { $0.name == call.name } }
        let location = SourceLocation(
            file: Int(call.location.file), line: Int(call.location.line), column: Int(call.location.column),
            length: call.name.utf8.count)
        let hint: String?
        if let owner = owners.first {
            if case .missing(let reason) = owner.availability {
                hint = "it belongs to module \(owner.name), which SIPRay does not have yet: \(reason)"
            } else {
                hint = "maybe a loadmodule is missing: `loadmodule \"\(owner.name).so\"`"
            }
        } else if let habit = OldHabits.functions[call.name] {
            hint = habit
        } else if let close = Suggestions.closest(to: call.name, in: functions.keys.sorted()) {
            hint = "did you mean `\(close)`?"
        } else {
            let all = catalogue.modules.filter { $0.availability == .available }
            let other = Suggestions.closest(to: call.name, in: all.flatMap { $0.functions.map(\.name) })
            hint =
                other.map { name in
                    let owner = all.first { $0.functions.contains { $0.name == name } }?.name ?? ""
                    return "did you mean `\(name)` of module \(owner)? It needs `loadmodule \"\(owner).so\"`"
                } ?? unknownHint
        }
        diagnostics.error("unknown-function", at: location, "unknown function `\(call.name)`", hint: hint)
    }

    private mutating func checkCount(_ call: FunctionCall, _ declaration: FunctionDeclaration, _ module: String) {
        let required = declaration.parameters.lastIndex { !$0.isOptional }.map { $0 + 1 } ?? 0
        let count = call.arguments.count
        // `f()` of one omitted optional is no argument at all.
        if count > declaration.parameters.count {
            let most = declaration.parameters.count
            diagnostics.error(
                "argument-count", at: call.location,
                most == 0
                    ? "`\(call.name)` takes no arguments"
                    : "too many arguments for `\(call.name)`: it takes at most \(most)",
                hint: usage(declaration))
        } else if count < required {
            diagnostics.error(
                "argument-count", at: call.location,
                "too few arguments for `\(call.name)`: it needs \(required)", hint: usage(declaration))
        }
    }

    private func usage(_ declaration: FunctionDeclaration) -> String {
        let parameters = declaration.parameters.map { $0.isOptional ? "[\($0.name)]" : $0.name }
        return "it is `\(declaration.name)(\(parameters.joined(separator: ", ")))`"
    }

    // MARK: Arguments

    private mutating func check(_ argument: Argument, _ spec: ParameterSpec, _ function: String) {
        if spec.isStatic, !argument.isConstant {
            diagnostics.error(
                "static-argument", at: argument.location,
                "argument \(spec.name) of `\(function)` must be a constant: variables are not expanded in it")
            return
        }
        switch spec.kind {
        case .string, .regularExpression, .substitution, .routeName: checkText(argument, spec, function)
        case .integer:
            if case .string(let format) = argument.kind {
                let isNumeric = format.constant.map { Int(String(decoding: $0, as: UTF8.self)) != nil } ?? false
                diagnostics.error(
                    "argument-type", at: argument.location,
                    "integer or variable expected for argument \(spec.name) of `\(function)`",
                    hint: isNumeric
                        ? "leave the quotes out"
                        : format.soleVariable != nil ? "pass the variable without quotes" : nil)
                return
            }
            checkVariables(argument)
        case .stringOrInteger:
            checkVariables(argument)
            if case .string(let format) = argument.kind { checkRule(format, spec, function) }
        case .variable: checkOutput(argument, spec, function)
        case .inputVariable:
            if case .variable(let variable) = argument.kind { return check(variable) }
            reportNotVariable(argument, spec, function)
        }
    }

    private mutating func checkText(_ argument: Argument, _ spec: ParameterSpec, _ function: String) {
        switch argument.kind {
        case .number(let number):
            diagnostics.error(
                "argument-type", at: argument.location,
                "string or variable expected for argument \(spec.name) of `\(function)`", hint: "write \"\(number)\"")
        case .variable(let variable): check(variable)
        case .string(let format):
            checkRule(format, spec, function)
            if spec.kind == .regularExpression, format.constant != nil || spec.isStatic { checkPattern(format) }
            if spec.isStatic { return checkStaticRoute(format, spec) }
            // A pattern may hold `$` as an anchor.
            if spec.kind == .regularExpression, !format.hasKnownVariable(variables) { return }
            if spec.kind == .substitution {
                checkSubstitution(format)
                for case .variable(let variable) in format.parts { check(variable) }
                return
            }
            check(format)
            checkStaticRoute(format, spec)
        }
    }

    private mutating func checkRule(_ format: FormatString, _ spec: ParameterSpec, _ function: String) {
        guard let rule = spec.rule, let constant = format.constant else { return }
        check(constant, rule, "argument \(spec.name) of `\(function)`", at: format.location)
    }

    private mutating func checkStaticRoute(_ format: FormatString, _ spec: ParameterSpec) {
        guard case .routeName(let kind) = spec.kind, let constant = format.constant else { return }
        let name = String(decoding: constant, as: UTF8.self)
        if !name.isEmpty { checkRouteExists(name, kind: kind, at: format.location) }
    }

    private mutating func checkOutput(_ argument: Argument, _ spec: ParameterSpec, _ function: String) {
        if case .variable(let variable) = argument.kind { return checkWritable(variable) }
        reportNotVariable(argument, spec, function)
    }

    private mutating func reportNotVariable(_ argument: Argument, _ spec: ParameterSpec, _ function: String) {
        var hint: String?
        if case .string(let format) = argument.kind, format.soleVariable != nil { hint = "leave the quotes out" }
        diagnostics.error(
            "argument-type", at: argument.location, "variable expected for argument \(spec.name) of `\(function)`",
            hint: hint)
    }

    private mutating func checkVariables(_ argument: Argument) {
        switch argument.kind {
        case .string(let format): check(format)
        case .variable(let variable): check(variable)
        case .number: break
        }
    }
}

extension Argument {
    var isConstant: Bool {
        switch kind {
        case .variable: false
        case .number: true
        case .string(let format):
            format.parts.allSatisfy {
                if case .literal = $0 { return true }
                return false
            }
        }
    }
}

extension FormatString {
    func hasKnownVariable(_ variables: [String: (module: String, declaration: VariableDeclaration)]) -> Bool {
        parts.contains {
            if case .variable(let variable) = $0 { return variables[variable.name] != nil }
            return false
        }
    }
}
