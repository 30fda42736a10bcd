import RouteLanguage
import RouteRuntime

/// `signaling` at work: answers by the transaction when there is one, else without state.
enum SignalingModule {
    static func bind(_ environment: ModuleEnvironment) -> ModuleBinding {
        let replies = environment.replies
        return ModuleBinding(
            "signaling",
            functions: [
                "send_reply": { call in
                    guard let reply = ScriptReply(call) else { return .no }
                    return Outcome(replies.send(reply, call.context, call.process))
                }
            ],
            variables: [
                VariableDefinition(ModuleDeclaration.localTagVariable) { access in
                    Value(replies.localTag(access.context, access.process))
                }
            ])
    }
}
