/// The global parameters of a script: what was set, and the documented defaults for the rest.
package struct GlobalParameters: Sendable {
    private var values: [String: [GlobalAssignment]] = [:]

    package init() {}

    /// Whether the script sets none.
    package var isEmpty: Bool { values.isEmpty }

    package mutating func set(_ assignment: GlobalAssignment) {
        values[assignment.name, default: []].append(assignment)
    }

    /// Takes out the assignment whose value stands at `location`; false when there is none.
    mutating func remove(at location: SourceLocation) -> Bool {
        for (name, assignments) in values {
            let kept = assignments.filter { $0.valueLocation != location }
            guard kept.count < assignments.count else { continue }
            values[name] = kept.isEmpty ? nil : kept
            return true
        }
        return false
    }

    /// The last assignment of that name, nil when the script does not set it.
    package func assignment(_ name: String) -> GlobalAssignment? { values[name]?.last }

    /// Every assignment of that name, in order: for those that may be repeated (`mpath`).
    package func assignments(_ name: String) -> [GlobalAssignment] { values[name] ?? [] }

    /// The value set, else the default of `GlobalParameterTable`, else nil.
    package func value(_ name: String) -> ConstantValue? {
        assignment(name)?.value ?? GlobalParameterTable.byName[name]?.defaultValue
    }

    /// nil when it is neither set nor has a default, or is not a number.
    package func integer(_ name: String) -> Int? {
        guard case .integer(let number) = value(name) else { return nil }
        return number
    }

    package func boolean(_ name: String) -> Bool { (integer(name) ?? 0) != 0 }

    /// nil when it is neither set nor has a default, or is not text.
    package func string(_ name: String) -> String? {
        guard case .string(let bytes) = value(name) else { return nil }
        return String(decoding: bytes, as: UTF8.self)
    }
}
