package import Bytes

/// Why a module cannot be bound: an operator's fault, refused before traffic starts.
package struct ModuleError: Error, CustomStringConvertible, Sendable {
    package let description: String
    /// The parameter that is at fault, and its value when it was set more than once: for the place in the script.
    package let module: String?
    package let parameter: String?
    package let value: ByteString?

    package init(_ description: String, module: String? = nil, parameter: String? = nil, value: ByteString? = nil) {
        self.description = description
        self.module = module
        self.parameter = parameter
        self.value = value
    }

    /// A parameter with a value that SIPRay can't work with.
    package init(_ module: String, _ parameter: String, _ value: ByteString? = nil, _ reason: String) {
        let shown = value.map { ", \"\($0)\"" } ?? ""
        self.init(
            "modparam(\"\(module)\", \"\(parameter)\"\(shown)): \(reason)", module: module, parameter: parameter,
            value: value)
    }

    /// A parameter with a value that it does not take.
    package static func value(_ module: String, _ parameter: String, _ value: ByteString) -> ModuleError {
        ModuleError(module, parameter, value, "that is not a value of it")
    }
}
