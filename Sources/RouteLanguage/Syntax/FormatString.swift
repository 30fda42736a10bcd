/// A quoted string of the script after escapes were resolved, split at the variables in it.
///
/// `"to $rd\n"` is a literal, a variable and a literal. `$$` is a literal dollar. A string in which nothing is a variable
/// has at most one part. Some parameters take the text unexpanded (`raw`): arguments of `route()`, regular expressions.
package struct FormatString: Sendable {
    package enum Part: Sendable {
        case literal([UInt8])
        case variable(Variable)
    }

    package var location: SourceLocation
    package var parts: [Part]
    /// The text with escapes resolved and variables as written.
    package var raw: [UInt8]

    /// What is wrong with its variables. The checker reports it where the text is expanded, and only there.
    var problems: [Diagnostic] = []

    package init(location: SourceLocation, parts: [Part], raw: [UInt8]) {
        self.location = location
        self.parts = parts
        self.raw = raw
    }

    /// A string without variables.
    package init(location: SourceLocation, literal: [UInt8]) {
        self.init(location: location, parts: literal.isEmpty ? [] : [.literal(literal)], raw: literal)
    }

    /// The text when no part is a variable, else nil. `$$` has become `$`.
    package var constant: [UInt8]? {
        var text: [UInt8] = []
        for part in parts {
            guard case .literal(let bytes) = part else { return nil }
            text += bytes
        }
        return text
    }

    /// The variable when the string is that variable and nothing else (`"$rU"`), else nil.
    package var soleVariable: Variable? {
        guard parts.count == 1, case .variable(let variable) = parts[0] else { return nil }
        return variable
    }
}
