/// A parameter that `modparam` can set.
package struct ModuleParameterDeclaration: Sendable {
    package enum ValueType: Hashable, Sendable {
        case integer, string
        /// Takes either.
        case any
    }

    package var name: String
    package var type: ValueType
    /// nil: none, not set.
    package var defaultValue: ConstantValue?
    package var availability: Availability
    /// What a value may say, nil for anything. Numbers are judged by their digits.
    package var rule: ConstantRule?
    /// What a number may be, nil for any.
    package var range: ClosedRange<Int>?

    package init(
        _ name: String, _ type: ValueType, default defaultValue: ConstantValue? = nil,
        availability: Availability = .available, rule: ConstantRule? = nil
    ) {
        self.name = name
        self.type = type
        self.defaultValue = defaultValue
        self.availability = availability
        self.rule = rule
    }

    package func within(_ range: ClosedRange<Int>) -> ModuleParameterDeclaration {
        var declaration = self
        declaration.range = range
        return declaration
    }

    package func following(_ rule: ConstantRule) -> ModuleParameterDeclaration {
        var declaration = self
        declaration.rule = rule
        return declaration
    }

    /// A number, not below 0 unless `within` says otherwise.
    package static func integer(_ name: String, _ defaultValue: Int? = nil) -> ModuleParameterDeclaration {
        ModuleParameterDeclaration(name, .integer, default: defaultValue.map { .integer($0) })
            .within(0...Int(Int32.max))
    }

    package static func string(_ name: String, _ defaultValue: String? = nil) -> ModuleParameterDeclaration {
        ModuleParameterDeclaration(name, .string, default: defaultValue.map { .string(Array($0.utf8)) })
    }
}

/// What a module adds to the language.
package struct ModuleDeclaration: Sendable {
    /// As in `loadmodule`, without `.so`.
    package var name: String
    package var functions: [FunctionDeclaration]
    package var variables: [VariableDeclaration]
    package var parameters: [ModuleParameterDeclaration]
    package var transformations: [TransformationDeclaration]
    /// Modules that must be loaded too.
    package var requires: [String]
    /// The transport it brings (`udp` of `proto_udp`), nil for most.
    package var transport: String?
    /// `.missing`: the module is known from the peer but `loadmodule` refuses it with this reason.
    package var availability: Availability

    package init(
        _ name: String, functions: [FunctionDeclaration] = [], variables: [VariableDeclaration] = [],
        parameters: [ModuleParameterDeclaration] = [], transformations: [TransformationDeclaration] = [],
        requires: [String] = [], transport: String? = nil, availability: Availability = .available
    ) {
        self.name = name
        self.functions = functions
        self.variables = variables
        self.parameters = parameters
        self.transformations = transformations
        self.requires = requires
        self.transport = transport
        self.availability = availability
    }
}
