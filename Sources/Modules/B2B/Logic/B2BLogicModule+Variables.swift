import Bytes
import RouteLanguage
import RouteRuntime
import SIPMessage
import SIPStack

/// `$b2b_logic.*`.
extension B2BLogicModule {
    var variables: [VariableDefinition] {
        let declared = ModuleDeclaration.b2bLogicVariables
        return [
            VariableDefinition(declared[0]) { access in Value(session(access.context)?.key) },
            VariableDefinition(declared[1]) { access in entity(access) },
            VariableDefinition(
                declared[2],
                read: { access in value(access) }, write: { access, value, _ in write(access, value) }),
            VariableDefinition(declared[3]) { access in
                if let key = access.inner { return Value(logic.session(named: key)?.scenario) }
                return Value(session(access.context)?.scenario)
            },
            VariableDefinition(declared[4]) { access in
                guard let triple = access.inner else { return .null }
                return Value(logic.entities.entity(triple: triple)?.view.peerTriple)
            },
        ]
    }

    /// The session that a message belongs to: of its route, made by its request route, or by the keys that it shows.
    func session(_ context: MessageContext) -> B2BSession? {
        if let state = context.state(B2BTurnState.self) {
            if let current = state.current { return current.session }
            if let session = state.session { return session }
        }
        return entity(of: context)?.owner as? B2BSession
    }

    /// A request from outside without a To tag belongs to nothing yet, also one of a call that comes through here again.
    private func entity(of context: MessageContext) -> B2BEntity? {
        let message = context.message
        if message.isRequest, message.toTag == nil, context.tmTransaction?.isServer != false { return nil }
        return logic.entities.entity(
            callID: message.callID, tags: (message.fromTag ?? .empty, message.toTag ?? .empty))
    }

    private func entity(_ access: borrowing VariableAccess) -> Value {
        let view: EntityView?
        switch access.index {
        case .at(let index):
            guard index == 0 || index == 1, let views = session(access.context)?.entityViews,
                views.indices.contains(index)
            else { return .null }
            view = views[index]
        case .none:
            view =
                access.context.state(B2BTurnState.self)?.current?.entity.view
                ?? entity(of: access.context)?.view
        case .all, .append: return .null
        }
        guard let view else { return .null }
        guard let field = access.inner, !field.isEmpty else { return .string(view.key) }
        switch field.lowercased().string {
        case "key": return .string(view.key)
        case "callid": return .string(view.callID)
        case "id": return .string(view.id)
        case "fromtag": return view.fromTag.isEmpty ? .null : .string(view.fromTag)
        case "totag": return view.toTag.isEmpty ? .null : .string(view.toTag)
        default: return .null
        }
    }

    private func value(_ access: borrowing VariableAccess) -> Value {
        guard let name = access.inner else { return .null }
        if let session = session(access.context) { return session.value(name) }
        return access.context.state(B2BTurnState.self)?.values.first { $0.name == name }?.value ?? .null
    }

    private func write(_ access: borrowing VariableAccess, _ value: Value) -> Bool {
        guard let name = access.inner else { return false }
        let isSet = session(access.context)?.set(name, value) ?? keep(name, value, access)
        if !isSet { logic.log(.error, "$b2b_logic.ctx(\(name)): there are \(B2BSession.valuesMax) values already") }
        return isSet
    }

    /// A value of the session that `b2b_init_request()` is going to make.
    private func keep(_ name: ByteString, _ value: Value, _ access: borrowing VariableAccess) -> Bool {
        access.context.updateState(B2BTurnState()) { state in
            state.values.removeAll { $0.name == name }
            guard !value.isNull else { return true }
            guard state.values.count < B2BSession.valuesMax else { return false }
            state.values.append((name, value))
            return true
        }
    }
}
