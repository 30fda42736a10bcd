package import RouteLanguage

extension ModuleDeclaration {
    /// `signaling`: replies by the transaction when there is one, else without state.
    package static let signaling = ModuleDeclaration(
        "signaling",
        functions: [
            FunctionDeclaration(
                "send_reply", [.integer("code"), .string("reason")], routes: [.request, .error, .failure])
        ],
        variables: [localTagVariable])

    /// The To tag of the replies that are made here.
    static let localTagVariable = VariableDeclaration("sig_local_totag")
}
