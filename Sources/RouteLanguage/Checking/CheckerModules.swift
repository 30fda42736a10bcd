import Glibc

/// loadmodule and modparam.
extension Checker {
    mutating func checkModules(_ script: inout Script) {
        visible = [catalogue.core]
        var loads: [LoadModule] = []
        for item in tree.modules {
            switch item {
            case .load(let load):
                if loads.contains(where: { $0.name == load.name }) {
                    diagnostics.warn("loaded-twice", at: load.location, "module `\(load.name)` is loaded already")
                    continue
                }
                guard let module = checkLoad(load) else {
                    refusedModules.append(load.name)
                    continue
                }
                loads.append(load)
                visible.append(module)
            case .parameter(let assignment):
                checkModuleParameter(assignment, &script)
            }
        }
        script.modules = loads
        checkRequirements(loads)
    }

    private mutating func checkLoad(_ load: LoadModule) -> ModuleDeclaration? {
        guard let module = catalogue.module(load.name) else {
            let known = catalogue.modules.filter { $0.availability == .available }.map(\.name).sorted()
            let guess = Suggestions.closest(to: load.name, in: known).map { "did you mean `\($0)`? " } ?? ""
            diagnostics.error(
                "unknown-module", at: load.location, "SIPRay has no module `\(load.name)`",
                hint: guess + "it has \(known.joined(separator: ", "))")
            return nil
        }
        if case .missing(let reason) = module.availability {
            diagnostics.error(
                "missing-module", at: load.location, "SIPRay does not have module `\(load.name)` yet: \(reason)")
            return nil
        }
        return module
    }

    private mutating func checkRequirements(_ loads: [LoadModule]) {
        let names = Set(loads.map(\.name))
        for load in loads {
            for required in catalogue.module(load.name)?.requires ?? [] where !names.contains(required) {
                diagnostics.error(
                    "missing-requirement", at: load.location, "module `\(load.name)` needs module `\(required)`",
                    hint: "write `loadmodule \"\(required).so\"`")
            }
        }
    }

    private mutating func checkModuleParameter(_ assignment: ModuleParameterAssignment, _ script: inout Script) {
        let matching = visible.dropFirst().filter { ModulePattern.matches(assignment.modulePattern, $0.name) }
        guard !matching.isEmpty else {
            reportNoModule(assignment)
            return
        }
        for module in matching {
            guard let parameter = module.parameters.first(where: { $0.name == assignment.name }) else {
                diagnostics.error(
                    "unknown-modparam", at: assignment.nameLocation,
                    "module `\(module.name)` has no parameter `\(assignment.name)`",
                    hint: OldHabits.moduleParameters["\(module.name):\(assignment.name)"]
                        ?? Suggestions.closest(to: assignment.name, in: module.parameters.map(\.name)).map {
                            "did you mean `\($0)`?"
                        })
                continue
            }
            if case .missing(let reason) = parameter.availability {
                diagnostics.warn(
                    "missing-modparam", at: assignment.nameLocation,
                    "SIPRay does not have parameter `\(assignment.name)` of module `\(module.name)`: \(reason)")
            }
            guard Self.fits(assignment.value, parameter.type) else {
                let wanted = parameter.type == .integer ? "a number" : "a string"
                diagnostics.error(
                    "modparam-type", at: assignment.valueLocation,
                    "parameter `\(assignment.name)` of module `\(module.name)` is \(wanted)",
                    hint: parameter.type == .integer ? "leave the quotes out" : "put it in quotes")
                continue
            }
            checkRange(assignment, parameter)
            if let rule = parameter.rule {
                check(
                    assignment.value.text, rule, "parameter \(assignment.name) of module \(module.name)",
                    at: assignment.valueLocation)
            }
            script.moduleParameters.append(
                ModuleParameterValue(
                    module: module.name, name: assignment.name, value: assignment.value,
                    location: assignment.valueLocation))
        }
    }

    /// A number that the parameter can't have. One in quotes counts as a number.
    private mutating func checkRange(
        _ assignment: ModuleParameterAssignment, _ parameter: ModuleParameterDeclaration
    ) {
        guard let range = parameter.range else { return }
        let written = String(decoding: assignment.value.text, as: UTF8.self)
        if let number = Int(written), range.contains(number) { return }
        let allowed =
            range.upperBound >= Int(Int32.max) / 1000
            ? "\(range.lowerBound) and more" : "\(range.lowerBound) to \(range.upperBound)"
        diagnostics.error(
            "modparam-range", at: assignment.valueLocation,
            "parameter `\(assignment.name)` can't be `\(written)`", hint: "it is a number: \(allowed)")
    }

    private static func fits(_ value: ConstantValue, _ type: ModuleParameterDeclaration.ValueType) -> Bool {
        switch (value, type) {
        case (_, .any), (.integer, .integer), (.string, .string): true
        case (.integer, .string), (.string, .integer): false
        }
    }

    private mutating func reportNoModule(_ assignment: ModuleParameterAssignment) {
        let pattern = assignment.modulePattern
        if diagnostics.isFull {
            return diagnostics.error(
                "modparam-module", at: assignment.modulePatternLocation, "no loaded module matches `\(pattern)`")
        }
        let later = tree.modules.contains {
            if case .load(let load) = $0 { return ModulePattern.matches(pattern, load.name) }
            return false
        }
        // The load itself was refused and reported.
        if later, !catalogue.modules.contains(where: { ModulePattern.matches(pattern, $0.name) }) { return }
        if later,
            catalogue.modules.filter({ ModulePattern.matches(pattern, $0.name) }).allSatisfy({
                $0.availability != .available
            })
        {
            return
        }
        let known = catalogue.modules.first { ModulePattern.matches(pattern, $0.name) }
        let guess = Suggestions.closest(to: pattern, in: visible.dropFirst().map(\.name))
        let hint: String?
        if later {
            hint = "write `modparam` after the `loadmodule`"
        } else if case .missing(let reason)? = known?.availability {
            hint = "SIPRay does not have module `\(known?.name ?? pattern)` yet: \(reason)"
        } else if let known {
            hint = "write `loadmodule \"\(known.name).so\"` before it"
        } else {
            hint = guess.map { "did you mean `\($0)`?" }
        }
        diagnostics.error(
            "modparam-module", at: assignment.modulePatternLocation, "no loaded module matches `\(pattern)`", hint: hint
        )
    }
}

/// The first argument of modparam: a POSIX extended pattern that must match the whole name, ignoring case.
enum ModulePattern {
    /// A plain name is compared without the expression engine. Patterns with repetition counts or of more than 256 bytes
    /// match nothing: they could cost unbounded time.
    static func matches(_ pattern: String, _ name: String) -> Bool {
        if pattern.utf8.allSatisfy({ $0.isWordByte }) { return pattern.lowercased() == name }
        guard pattern.utf8.count <= 256, !pattern.utf8.contains(UInt8(ascii: "{")) else { return false }
        let alternatives = pattern.split(separator: "|", omittingEmptySubsequences: false)
        if alternatives.allSatisfy({ $0.utf8.allSatisfy { $0.isWordByte } }) {
            return alternatives.contains { $0.lowercased() == name }
        }
        var expression = unsafe regex_t()
        guard unsafe regcomp(&expression, "^(" + pattern + ")$", REG_EXTENDED | REG_NOSUB | REG_ICASE) == 0 else {
            return false
        }
        defer { unsafe regfree(&expression) }
        return unsafe regexec(&expression, name, 0, nil, 0) == 0
    }
}

extension ConstantValue {
    /// As it would be written, without quotes.
    fileprivate var text: [UInt8] {
        switch self {
        case .integer(let number): Array(String(number).utf8)
        case .string(let bytes): bytes
        }
    }
}
