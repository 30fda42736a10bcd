/// Variables and transformations.
extension Checker {
    /// A string that is expanded when it runs.
    mutating func check(_ format: FormatString) {
        for problem in format.problems { diagnostics.add(problem) }
        for case .variable(let variable) in format.parts { check(variable) }
    }

    mutating func check(_ variable: Variable, isTarget: Bool = false) {
        if variable.name == Parser.brokenName { return }
        guard let (_, declaration) = variables[variable.name] else { return reportUnknown(variable) }
        if case .missing(let reason) = declaration.availability {
            diagnostics.error(
                "missing-variable", at: variable.location, "SIPRay does not have `$\(variable.name)`: \(reason)")
            return
        }
        checkInner(variable, declaration)
        checkIndex(variable, declaration, isTarget: isTarget)
        for transformation in variable.transformations { check(transformation) }
    }

    private mutating func checkInner(_ variable: Variable, _ declaration: VariableDeclaration) {
        switch (declaration.inner, variable.inner) {
        case (.required, nil):
            diagnostics.error(
                "variable-inner", at: variable.location, "`$\(variable.name)` needs something in parentheses",
                hint: "write `$\(variable.name)(name)`")
        case (.none, .some(let inner)):
            diagnostics.error(
                "variable-inner", at: variable.location, "`$\(variable.name)` takes nothing in parentheses",
                hint:
                    "in a string write `$(\(variable.name))(\(String(decoding: inner.raw, as: UTF8.self)))` when that is text"
            )
        case (_, .some(let inner)):
            for case .variable(let part) in inner.parts { check(part) }
        case (.optional, nil), (.none, nil): break
        }
    }

    private mutating func checkIndex(_ variable: Variable, _ declaration: VariableDeclaration, isTarget: Bool) {
        switch variable.index {
        case nil: return
        case .append:
            if !isTarget {
                diagnostics.error(
                    "bad-index", at: variable.location, "`[append]` is for the left side of an assignment only")
            }
        case .variable(let inner): check(inner)
        case .number, .all: break
        }
        if !declaration.isIndexable {
            diagnostics.error(
                "bad-index", at: variable.location, "`$\(variable.name)` has one value and takes no index",
                hint: "leave the `[…]` out")
        }
    }

    private mutating func reportUnknown(_ variable: Variable) {
        let name = variable.name
        if diagnostics.isFull {
            return diagnostics.error("unknown-variable", at: variable.location, "unknown variable `$\(name)`")
        }
        let owner = catalogue.modules.first { module in module.variables.contains { $0.name == name } }
        let hint: String
        if let owner {
            if case .missing(let reason) = owner.availability {
                hint = "it belongs to module \(owner.name), which SIPRay does not have yet: \(reason)"
            } else {
                hint = "maybe a loadmodule is missing: `loadmodule \"\(owner.name).so\"`"
            }
        } else if let prefix = knownPrefix(of: name) {
            let rest = name.dropFirst(prefix.count)
            hint =
                "the name ends at the last letter, digit, `_` or `.`: write `$(\(prefix))\(rest)` when `\(rest)` is text"
        } else if let close = Suggestions.closest(to: name, in: variables.keys.sorted()) {
            hint = "did you mean `$\(close)`?"
        } else {
            hint = unknownHint
        }
        diagnostics.error("unknown-variable", at: variable.location, "unknown variable `$\(name)`", hint: hint)
    }

    /// `rd` of `rd.example`: a variable with text right behind it.
    private func knownPrefix(of name: String) -> String? {
        guard let dot = name.utf8.firstIndex(of: UInt8(ascii: ".")) else { return nil }
        let prefix = String(name[..<dot])
        return variables[prefix] != nil ? prefix : nil
    }

    private mutating func check(_ transformation: Transformation) {
        for argument in transformation.arguments {
            for case .variable(let variable) in argument.parts { check(variable) }
        }
        var full = transformation.family + "." + transformation.name
        var count = transformation.arguments.count
        // `{nameaddr.1.uri}`: the position is one more argument.
        if transformation.family == "nameaddr", let dot = transformation.name.firstIndex(of: "."),
            Int(transformation.name[..<dot]) != nil
        {
            full = "nameaddr" + transformation.name[dot...]
            count += 1
        }
        guard let declaration = transformations[full] else {
            if diagnostics.isFull {
                return diagnostics.error(
                    "unknown-transformation", at: transformation.location, "unknown transformation `{\(full)}`")
            }
            let families = Set(transformations.values.map(\.family))
            let close = Suggestions.closest(to: full, in: transformations.keys.sorted())
            let inFamily = transformations.values.filter { $0.family == transformation.family }.map(\.name).sorted()
            let hint =
                close.map { "did you mean `{\($0)}`?" }
                ?? (inFamily.isEmpty
                    ? "the classes are \(families.sorted().joined(separator: ", "))"
                    : "`\(transformation.family)` has \(inFamily.joined(separator: ", "))")
            diagnostics.error(
                "unknown-transformation", at: transformation.location, "unknown transformation `{\(full)}`", hint: hint)
            return
        }
        if case .missing(let reason) = declaration.availability {
            diagnostics.error(
                "missing-transformation", at: transformation.location, "SIPRay does not have `{\(full)}`: \(reason)")
            return
        }
        guard !declaration.arguments.contains(count) else {
            if full == "re.subst" { checkSubstitution(transformation.arguments[0]) }
            return
        }
        let range = declaration.arguments
        let wanted =
            range.lowerBound == range.upperBound ? "\(range.lowerBound)" : "\(range.lowerBound) to \(range.upperBound)"
        diagnostics.error(
            "transformation-arguments", at: transformation.location,
            "`{\(full)}` takes \(wanted) argument\(wanted == "1" ? "" : "s"), not \(count)",
            hint: "the form is `{\(full),argument}`")
    }
}
