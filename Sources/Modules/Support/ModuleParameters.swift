package import Bytes
package import RouteLanguage

/// The `modparam` values of a script, with the declared defaults behind them.
package struct ModuleParameters: Sendable {
    private var values: [String: [ConstantValue]] = [:]
    private var defaults: [String: ConstantValue] = [:]

    /// - Parameter values: in the order of the script; the last of a name counts, unless all are asked for.
    package init(_ values: [ModuleParameterValue], declarations: [ModuleDeclaration] = ModuleLibrary.declarations) {
        for value in values { self.values["\(value.module):\(value.name)", default: []].append(value.value) }
        for module in declarations {
            for parameter in module.parameters {
                defaults["\(module.name):\(parameter.name)"] = parameter.defaultValue
            }
        }
    }

    /// The number of a parameter; text that is a number counts as one. The declared default when the script sets none.
    package func integer(_ module: String, _ name: String) -> Int? {
        switch value(module, name) {
        case .integer(let number): number
        case .string(let bytes): ByteString(bytes).decimal()
        case nil: nil
        }
    }

    /// Whether a number is set and not 0.
    package func isOn(_ module: String, _ name: String) -> Bool { (integer(module, name) ?? 0) != 0 }

    /// The text of a parameter, nil when it has none or an empty one.
    package func text(_ module: String, _ name: String) -> ByteString? {
        switch value(module, name) {
        case .string(let bytes): bytes.isEmpty ? nil : ByteString(bytes)
        case .integer(let number): ByteString(decimal: number)
        case nil: nil
        }
    }

    /// Every value that the script gives a parameter, as text, in order.
    package func texts(_ module: String, _ name: String) -> [ByteString] {
        (values["\(module):\(name)"] ?? []).map { value in
            switch value {
            case .string(let bytes): ByteString(bytes)
            case .integer(let number): ByteString(decimal: number)
            }
        }
    }

    /// Whether the script sets it.
    package func isSet(_ module: String, _ name: String) -> Bool { values["\(module):\(name)"] != nil }

    private func value(_ module: String, _ name: String) -> ConstantValue? {
        values["\(module):\(name)"]?.last ?? defaults["\(module):\(name)"]
    }
}
