/// A function of the core or of a module, as the interpreter calls it.
///
/// Called on the process that runs the script, never concurrently for one run. Must not block: what takes time
/// asks `Call.wait` for a `Resumption`, returns `Outcome.suspended` and goes on later.
package typealias HostFunction = @Sendable (borrowing Call) -> Outcome

/// Functions and variables of one module, ready to be called.
///
/// A declared function that is not here answers -1 and logs that it is missing; `ScriptEngine` refuses to be made when
/// the script uses such a one.
package struct ModuleBinding: Sendable {
    package var name: String
    package var functions: [String: HostFunction]
    package var variables: [VariableDefinition]
    package var transformations: [TransformationDefinition]

    package init(
        _ name: String, functions: [String: HostFunction] = [:], variables: [VariableDefinition] = [],
        transformations: [TransformationDefinition] = []
    ) {
        self.name = name
        self.functions = functions
        self.variables = variables
        self.transformations = transformations
    }
}
