import Bytes
import RouteLanguage
import RouteRuntime
import Synchronization

/// What scripts set and read of a call.
extension AccModule {
    /// What a script works with: the accounting that it has loaded, else that of the request or of its dialog.
    private func existing(_ context: MessageContext) -> AccCall? {
        context.state(LoadedAccounting.self)?.call ?? AccState.existing(context)?.call ?? AccCall.ofDialog(context)
    }

    /// The same, made when there is none.
    func call(_ context: MessageContext) -> AccCall { existing(context) ?? state(context).call }

    var variables: [VariableDefinition] {
        let (extra, legs) = (extra, legs)
        return [
            VariableDefinition(
                VariableDeclaration("acc_extra", inner: .required, isWritable: true), prepare: { extra.tag($0) },
                read: { [self] access in existing(access.context)?.values.withLock { $0.extra[access.token] } ?? .null
                },
                write: { [self] access, value, _ in
                    let token = access.token
                    call(access.context).values.withLock { $0.extra[token] = value.compacted }
                    return true
                }),
            VariableDefinition(
                VariableDeclaration("acc_leg", inner: .required, isWritable: true, isIndexable: true),
                prepare: { legs.tag($0) },
                read: { [self] access in
                    guard let call = existing(access.context) else { return .null }
                    let (token, index) = (access.token, access.index)
                    return call.values.withLock { values in
                        Self.legIndex(index, values.legs.count).map { values.legs[$0][token] } ?? .null
                    }
                },
                write: { [self] access, value, _ in
                    let (token, index) = (access.token, access.index)
                    return call(access.context).values.withLock { values in
                        guard let leg = Self.legIndex(index, values.legs.count) else { return false }
                        values.legs[leg][token] = value.compacted
                        return true
                    }
                }),
            VariableDefinition(VariableDeclaration("acc_current_leg")) { [self] access in
                .integer(existing(access.context)?.values.withLock { $0.legs.count - 1 } ?? 0)
            },
        ]
    }

    /// Without an index, the current leg; negative ones count from it.
    private static func legIndex(_ index: VariableIndex, _ count: Int) -> Int? {
        guard case .at(let number) = index else { return count - 1 }
        let position = number < 0 ? count + number : number
        return (0..<count).contains(position) ? position : nil
    }
}

extension Value {
    /// The same value in storage of its own, so that it does not keep a message alive.
    var compacted: Value {
        switch self {
        case .string(let text): .string(text.compacted())
        case .both(let text, let number): .both(text.compacted(), number)
        default: self
        }
    }
}
