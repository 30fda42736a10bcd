package import RouteLanguage

/// Why a server does not start although its script is well-formed. The operator's fault, told with its place.
package struct ConfigurationError: Error, Sendable, CustomStringConvertible {
    package let message: String
    /// Where in the script, when it is there.
    package let location: SourceLocation?
    package let fileName: String?
    /// What to do next.
    package let hint: String?

    package init(_ message: String, hint: String? = nil) {
        (self.message, location, fileName, self.hint) = (message, nil, nil, hint)
    }

    package init(_ message: String, at location: SourceLocation, in script: Script, hint: String? = nil) {
        (self.message, self.location, self.hint) = (message, location, hint)
        fileName = script.fileName(of: location)
    }

    /// For a report among the script's other diagnostics.
    package var diagnostic: Diagnostic {
        Diagnostic(.error, "configuration", at: location ?? .none, message, hint: hint)
    }

    package var description: String {
        var text = message
        if let location, let fileName { text = "\(fileName):\(location.line):\(location.column): \(message)" }
        if let hint { text += "\n  \(hint)" }
        return text
    }
}
