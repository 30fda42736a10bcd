package import Bytes

/// Why a module cannot be bound: an operator's fault, refused before traffic starts.
package struct ModuleError: Error, CustomStringConvertible, Sendable {
    package let description: String

    package init(_ description: String) { self.description = description }

    /// A parameter with a value that it does not take.
    package static func value(_ module: String, _ parameter: String, _ value: ByteString) -> ModuleError {
        ModuleError("modparam(\"\(module)\", \"\(parameter)\"): \"\(value)\" is not a value of it")
    }
}
