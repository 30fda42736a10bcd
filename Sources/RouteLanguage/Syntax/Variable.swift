/// A variable as written: `$ru`, `$avp(x)`, `$(<request>hdr(Via)[-1]{s.len})`.
///
/// A class, so that trees stay small and a variable can hold variables; immutable after parsing.
package final class Variable: Sendable {
    /// Which message a `$(<request>…)` prefix asks for.
    package enum ContextPrefix: String, Sendable {
        case request, reply
    }

    /// What stands in the brackets after a name.
    package enum Index: Sendable {
        case number(Int)
        /// `[*]`
        case all
        /// `[append]`, on the left side of an assignment to an AVP.
        case append
        case variable(Variable)
    }

    package let location: SourceLocation
    package let context: ContextPrefix?
    /// The name without `$`: `ru`, `avp`, `T_reply_code`.
    package let name: String
    /// What stands in parentheses after the name, nil when there are none. It may hold variables: `$avp($var(n))`.
    package let inner: FormatString?
    package let index: Index?
    /// Applied left to right.
    package let transformations: [Transformation]

    package init(
        location: SourceLocation, context: ContextPrefix? = nil, name: String, inner: FormatString? = nil,
        index: Index? = nil, transformations: [Transformation] = []
    ) {
        self.location = location
        self.context = context
        self.name = name
        self.inner = inner
        self.index = index
        self.transformations = transformations
    }
}

/// One `{family.name,argument,…}` of a variable.
package struct Transformation: Sendable {
    package var location: SourceLocation
    /// `s`, `uri`, `via`, `param`, `nameaddr`, `ip`, `csv`, `sdp`, `re`, …
    package var family: String
    /// `len`, `substr`, `encode.hexa`, … Everything between the first dot and the first comma.
    package var name: String
    /// Between commas, without trimming of what is inside. `re.subst` has one argument that may hold commas.
    package var arguments: [FormatString]

    package init(location: SourceLocation, family: String, name: String, arguments: [FormatString]) {
        self.location = location
        self.family = family
        self.name = name
        self.arguments = arguments
    }
}
