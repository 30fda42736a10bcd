/// The global parameters of a script: what was set, and the documented defaults for the rest.
package struct GlobalParameters: Sendable {
    private var values: [String: [GlobalAssignment]] = [:]

    package init() {}

    package mutating func set(_ assignment: GlobalAssignment) {
        values[assignment.name, default: []].append(assignment)
    }

    /// The last assignment of that name, nil when the script does not set it.
    package func assignment(_ name: String) -> GlobalAssignment? { values[name]?.last }

    /// Every assignment of that name, in order: for those that may be repeated (`mpath`).
    package func assignments(_ name: String) -> [GlobalAssignment] { values[name] ?? [] }
}
