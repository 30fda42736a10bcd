package import Bytes

/// Why a module cannot be bound: an operator's fault, refused before traffic starts.
package struct ModuleError: Error, CustomStringConvertible, Sendable {
    package let description: String
    package let module: String
    /// The parameter that is at fault, and its value when it was set more than once: for the place in the script.
    package let parameter: String?
    package let value: ByteString?

    /// What no single parameter is to blame for.
    package init(_ module: String, _ reason: String) {
        description = "\(module): \(reason)"
        self.module = module
        (parameter, value) = (nil, nil)
    }

    /// A parameter with a value that SIPRay can't work with.
    package init(_ module: String, _ parameter: String, _ value: ByteString? = nil, _ reason: String) {
        let shown = value.map { ", \"\($0)\"" } ?? ""
        description = "modparam(\"\(module)\", \"\(parameter)\"\(shown)): \(reason)"
        (self.module, self.parameter, self.value) = (module, parameter, value)
    }

    /// A parameter with a value that it does not take.
    package static func value(_ module: String, _ parameter: String, _ value: ByteString) -> ModuleError {
        ModuleError(module, parameter, value, "that is not a value of it")
    }
}
