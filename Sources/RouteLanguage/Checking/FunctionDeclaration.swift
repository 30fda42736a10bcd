/// Whether SIPRay has what the peer's documentation lists.
package enum Availability: Hashable, Sendable {
    case available
    /// Documented by the peer, not in SIPRay. The text completes "SIPRay does not have it: …" and names what to do instead.
    case missing(String)
}

/// A function that a script can call: of the core or of a module.
package struct FunctionDeclaration: Sendable {
    package var name: String
    package var parameters: [ParameterSpec]
    /// Where it may be used.
    package var routes: RouteKinds
    /// Whether `async()` and `launch()` take it.
    package var hasAsyncForm: Bool
    /// Whether it can take long: its calls get records of their own (DESIGN §2.9).
    package var isSlow: Bool
    package var availability: Availability

    package init(
        _ name: String, _ parameters: [ParameterSpec] = [], routes: RouteKinds = .all, hasAsyncForm: Bool = false,
        isSlow: Bool = false, availability: Availability = .available
    ) {
        self.name = name
        self.parameters = parameters
        self.routes = routes
        self.hasAsyncForm = hasAsyncForm
        self.isSlow = isSlow
        self.availability = availability
    }
}

/// What one parameter of a function takes.
package struct ParameterSpec: Hashable, Sendable {
    package enum Kind: Hashable, Sendable {
        /// A string (a format string unless static) or a variable.
        case string
        /// A number or a variable.
        case integer
        /// Either of them.
        case stringOrInteger
        /// A writable variable, unquoted: an output.
        case variable
        /// A POSIX extended pattern; a constant one is compiled at start.
        case regularExpression
        /// A string in which `$` may be the anchor of a pattern: `/re/replacement/flags`.
        case substitution
        /// The name of a route of that kind; a constant one must exist.
        case routeName(RouteKind)
        /// A variable of any kind, unquoted, only read.
        case inputVariable
    }

    package var name: String
    package var kind: Kind
    package var isOptional: Bool
    /// No variables: a constant.
    package var isStatic: Bool
    /// What a constant text may say, nil for anything.
    package var rule: ConstantRule?

    package init(
        _ name: String, _ kind: Kind, isOptional: Bool = false, isStatic: Bool = false, rule: ConstantRule? = nil
    ) {
        self.name = name
        self.kind = kind
        self.isOptional = isOptional
        self.isStatic = isStatic
        self.rule = rule
    }

    package func following(_ rule: ConstantRule) -> ParameterSpec {
        var spec = self
        spec.rule = rule
        return spec
    }

    package static func string(_ name: String, optional: Bool = false, isStatic: Bool = false) -> ParameterSpec {
        ParameterSpec(name, .string, isOptional: optional, isStatic: isStatic)
    }

    package static func integer(_ name: String, optional: Bool = false, isStatic: Bool = false) -> ParameterSpec {
        ParameterSpec(name, .integer, isOptional: optional, isStatic: isStatic)
    }

    package static func stringOrInteger(_ name: String, optional: Bool = false) -> ParameterSpec {
        ParameterSpec(name, .stringOrInteger, isOptional: optional)
    }

    package static func output(_ name: String, optional: Bool = false) -> ParameterSpec {
        ParameterSpec(name, .variable, isOptional: optional)
    }

    package static func regularExpression(_ name: String, optional: Bool = false) -> ParameterSpec {
        ParameterSpec(name, .regularExpression, isOptional: optional)
    }

    package static func route(_ name: String, _ kind: RouteKind, optional: Bool = false) -> ParameterSpec {
        ParameterSpec(name, .routeName(kind), isOptional: optional)
    }
}
