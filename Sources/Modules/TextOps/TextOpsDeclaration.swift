package import RouteLanguage

extension ModuleDeclaration {
    /// `textops`: search and replace in the text of a message.
    package static let textops = ModuleDeclaration(
        "textops",
        functions: [
            function("search", [.regularExpression("re")]),
            function("search_body", [.regularExpression("re")]),
            function("search_append", [.regularExpression("re"), .string("txt")]),
            function("search_append_body", [.regularExpression("re"), .string("txt")]),
            function("replace", [.regularExpression("re"), .string("txt")]),
            function("replace_body", [.regularExpression("re"), .string("txt")]),
            function("replace_all", [.regularExpression("re"), .string("txt")]),
            function("replace_body_all", [.regularExpression("re"), .string("txt")]),
            function("replace_body_atonce", [.regularExpression("re"), .string("txt")]),
            function("subst", [substitution]),
            function("subst_uri", [substitution]),
            function("subst_user", [substitution]),
            function("subst_body", [substitution]),
        ])

    /// `/re/replacement/flags`
    private static var substitution: ParameterSpec { ParameterSpec("expression", .substitution) }

    private static func function(_ name: String, _ parameters: [ParameterSpec]) -> FunctionDeclaration {
        FunctionDeclaration(name, parameters, routes: .ofMessages)
    }
}

extension RouteKinds {
    /// The routes that have a message to look at and to change.
    static let ofMessages: RouteKinds = [.request, .onreply, .failure, .branch, .local]
    /// The routes that have a request.
    static let ofRequests: RouteKinds = [.request, .failure, .branch, .local]
}
