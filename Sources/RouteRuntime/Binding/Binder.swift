import Bytes
import Profiling
import RouteLanguage

/// What a script names and nobody provides. Found at start, never later.
package struct ScriptBindingError: Error, CustomStringConvertible {
    package var problems: [String]
    package var description: String { problems.joined(separator: "\n") }
}

/// Binds names to what answers for them. Kept after start for text that becomes a format at run time (`{s.eval}`).
struct Binder: Sendable {
    private(set) var functions: [String: HostFunction] = [:]
    private(set) var variables: [String: VariableDefinition] = [:]
    private(set) var transformations: [String: TransformationDefinition] = [:]
    let flags: FlagNames
    /// Declarations of the functions that the script can call, core first.
    private(set) var declarations: [String: FunctionDeclaration] = [:]

    init(catalogue: Catalogue, modules: [String], bindings: [ModuleBinding], flags: FlagNames) {
        self.flags = flags
        let named = [catalogue.core] + modules.compactMap { catalogue.module($0) }
        for module in named {
            for function in module.functions where declarations[function.name] == nil {
                declarations[function.name] = function
            }
        }
        for binding in bindings {
            functions.merge(binding.functions) { first, _ in first }
            for variable in binding.variables where variables[variable.declaration.name] == nil {
                variables[variable.declaration.name] = variable
            }
            for transformation in binding.transformations {
                let name = transformation.declaration.family + "." + transformation.declaration.name
                transformations[name] = transformations[name] ?? transformation
            }
        }
    }
}

/// One act of binding: collects `$var` slots and problems.
struct Binding {
    let binder: Binder
    var slots: [ByteString: Int]
    /// No slots are added at run time.
    let mayAddSlots: Bool
    var problems: [String] = []

    init(_ binder: Binder, slots: [ByteString: Int] = [:], mayAddSlots: Bool = true) {
        self.binder = binder
        self.slots = slots
        self.mayAddSlots = mayAddSlots
    }

    mutating func format(_ format: FormatString) -> BoundFormat {
        BoundFormat(
            parts: format.parts.compactMap { part in
                switch part {
                case .literal(let bytes): .literal(ByteString(bytes))
                case .variable(let variable): self.variable(variable).map { .variable($0) }
                }
            })
    }

    mutating func variable(_ variable: Variable) -> BoundVariable? {
        guard let (storage, inner) = storage(variable) else {
            problems.append("line \(variable.location.line): unknown variable $\(variable.name)")
            return nil
        }
        let index: BoundVariable.Index
        switch variable.index {
        case nil: index = .fixed(.none)
        case .number(let number): index = .fixed(.at(number))
        case .all: index = .fixed(.all)
        case .append: index = .fixed(.append)
        case .variable(let other):
            guard let bound = self.variable(other) else { return nil }
            index = .variable(bound)
        }
        var transformations: [BoundTransformation] = []
        for transformation in variable.transformations {
            let name = transformation.family + "." + transformation.declaredName
            guard let definition = binder.transformations[name] else {
                problems.append("line \(variable.location.line): unknown transformation {\(name)}")
                continue
            }
            var arguments = transformation.arguments.map { format($0) }
            if let position = transformation.position {
                arguments.append(BoundFormat(parts: [.literal(ByteString(decimal: position))]))
            }
            var function = definition.apply
            if let prepare = definition.prepare, let constant = arguments.first?.constant {
                guard let prepared = prepare(constant.trimmed()) else {
                    problems.append("line \(variable.location.line): {\(name)} does not take \"\(constant)\"")
                    continue
                }
                function = prepared
            }
            transformations.append(BoundTransformation(function: function, arguments: arguments))
        }
        return BoundVariable(
            name: variable.name, location: variable.location, storage: storage, inner: inner, index: index,
            context: variable.context, transformations: transformations)
    }

    private mutating func storage(_ variable: Variable) -> (BoundVariable.Storage, BoundVariable.Inner)? {
        if variable.name == "var" {
            guard let inner = variable.inner else { return nil }
            guard let name = inner.constant.map({ ByteString($0) }) else {
                return (.scriptDynamic, .dynamic(format(inner)))
            }
            if let slot = slots[name] { return (.script(slot), .none) }
            guard mayAddSlots else {
                return (.scriptDynamic, .dynamic(BoundFormat(parts: [.literal(name)])))
            }
            slots[name] = slots.count
            return (.script(slots.count - 1), .none)
        }
        guard let definition = binder.variables[variable.name] else { return nil }
        guard let inner = variable.inner else { return (.host(definition), .none) }
        guard let name = inner.constant.map({ ByteString($0) }) else {
            return (.host(definition), .dynamic(format(inner)))
        }
        guard let token = definition.prepare.map({ $0(name) }) ?? 0 else {
            problems.append("line \(variable.location.line): $\(variable.name) has no \(name)")
            return nil
        }
        return (.host(definition), .constant(name, token: token))
    }

    mutating func argument(_ argument: Argument?, _ spec: ParameterSpec?) -> BoundArgument {
        guard let argument else { return BoundArgument(kind: .omitted, spec: spec) }
        var bound = BoundArgument(kind: .omitted, spec: spec)
        switch argument.kind {
        case .number(let number):
            bound.kind = .constant(.integer(number))
        case .string(let format):
            bound.kind = string(format, spec, &bound)
        case .variable(let variable):
            guard let variable = self.variable(variable) else { break }
            bound.output = variable
            bound.kind = spec?.kind == .variable ? .output : .variable(variable)
        }
        return bound
    }

    private mutating func string(
        _ format: FormatString, _ spec: ParameterSpec?, _ bound: inout BoundArgument
    ) -> BoundArgument.Kind {
        if spec?.kind == .variable, let variable = format.soleVariable.flatMap({ self.variable($0) }) {
            // Old scripts quote their outputs: "$avp(x)".
            bound.output = variable
            return .output
        }
        if spec?.kind == .regularExpression {
            // A pattern's `$` is an anchor, not a variable, unless it really is one.
            guard format.constant != nil || spec?.isStatic == true else { return .format(self.format(format)) }
            bound.pattern = RegularExpression(ByteString(format.raw))
            if bound.pattern == nil {
                let text = String(decoding: format.raw, as: UTF8.self)
                problems.append("line \(format.location.line): \"\(text)\" is not a regular expression")
            }
            return .constant(.string(ByteString(format.raw)))
        }
        if let text = format.constant { return .constant(.string(ByteString(text))) }
        return .format(self.format(format))
    }
}
