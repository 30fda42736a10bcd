/// Why a management transport can't be opened, for the operator.
package struct ManagementSetupError: Error, Hashable, Sendable, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }
}
