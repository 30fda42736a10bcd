/// A variable that a script can use: of the core or of a module.
package struct VariableDeclaration: Sendable {
    /// Whether the name takes something in parentheses.
    package enum Inner: Hashable, Sendable {
        case none, optional, required
    }

    /// Without `$`.
    package var name: String
    package var inner: Inner
    package var isWritable: Bool
    /// Whether `[n]` means something.
    package var isIndexable: Bool
    package var availability: Availability

    package init(
        _ name: String, inner: Inner = .none, isWritable: Bool = false, isIndexable: Bool = false,
        availability: Availability = .available
    ) {
        self.name = name
        self.inner = inner
        self.isWritable = isWritable
        self.isIndexable = isIndexable
        self.availability = availability
    }
}

/// A `{family.name,…}` that a variable can go through.
package struct TransformationDeclaration: Sendable {
    package var family: String
    package var name: String
    /// How many arguments it takes.
    package var arguments: ClosedRange<Int>
    package var availability: Availability

    package init(
        _ family: String, _ name: String, arguments: ClosedRange<Int> = 0...0, availability: Availability = .available
    ) {
        self.family = family
        self.name = name
        self.arguments = arguments
        self.availability = availability
    }
}
