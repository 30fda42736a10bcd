import RouteRuntime

/// A value of a module's that travels with a message. A branch starts with its parent's and works on a copy of its own.
private final class MessageState<Value> {
    var value: Value

    init(_ value: Value) {
        self.value = value
    }
}

extension MessageContext {
    /// The value of this type that a module keeps here; nil when none was set.
    func state<Value>(_ type: Value.Type) -> Value? {
        if moduleState.isEmpty { return nil }
        return (moduleState[ObjectIdentifier(MessageState<Value>.self)] as? MessageState<Value>)?.value
    }

    /// Changes the value of this type, which begins as `initial`.
    func updateState<Value, Result>(
        _ initial: @autoclosure () -> Value, _ body: (inout Value) -> Result
    ) -> Result {
        let key = ObjectIdentifier(MessageState<Value>.self)
        let found = moduleState[key] as? MessageState<Value>
        if let found, ownedModuleState?.contains(key) ?? true { return body(&found.value) }
        let state = MessageState(found?.value ?? initial())
        moduleState[key] = state
        ownedModuleState?.insert(key)
        return body(&state.value)
    }
}
