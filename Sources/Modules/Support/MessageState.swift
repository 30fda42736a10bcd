import RouteRuntime

/// A value of a module's that travels with a message. A branch starts with its parent's and works on a copy of its own.
private final class MessageState<Value> {
    /// The context that may change it. Weak, because branches share the object and may outlive the context.
    weak var owner: MessageContext?
    var value: Value

    init(owner: MessageContext, value: Value) {
        self.owner = owner
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
        if let found, found.owner === self { return body(&found.value) }
        let state = MessageState(owner: self, value: found?.value ?? initial())
        moduleState[key] = state
        return body(&state.value)
    }
}
