package import RouteRuntime

/// Both B2B modules, bound together: `b2b_logic` is nothing without `b2b_entities`.
package enum B2BModules {
    /// What the server needs of them besides their bindings.
    package struct Bound {
        package let bindings: [ModuleBinding]
        /// To be among the stack's `preScript` hooks.
        package let entities: B2BEntities
        package let management: B2BManagement
    }

    /// Binds what the script loads of them; nil when it loads neither.
    package static func bind(
        _ names: [String], _ environment: ModuleEnvironment
    ) throws(ModuleError) -> Bound? {
        guard names.contains("b2b_entities") else { return nil }
        let entities = try B2BEntities(environment)
        let tm = TMModule(host: environment.host)
        let sessions = UASessions(environment, entities: entities)
        let module = UASessionModule(sessions: sessions, tm: tm)
        var bindings = [ModuleBinding("b2b_entities", functions: module.functions)]
        var logic: B2BLogic?
        if names.contains("b2b_logic") {
            let made = try B2BLogic(environment, entities: entities)
            let module = B2BLogicModule(logic: made, tm: tm)
            bindings.append(ModuleBinding("b2b_logic", functions: module.functions, variables: module.variables))
            logic = made
        }
        return Bound(
            bindings: bindings, entities: entities,
            management: B2BManagement(
                entities: entities, logic: logic, userAgents: UASessionManagement(sessions: sessions)))
    }
}
