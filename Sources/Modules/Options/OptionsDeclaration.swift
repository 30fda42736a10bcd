package import RouteLanguage

extension ModuleDeclaration {
    /// `options`: the answer to OPTIONS for the server itself.
    package static let options = ModuleDeclaration(
        "options",
        functions: [FunctionDeclaration("options_reply", routes: [.request])],
        parameters: [
            .string("accept", "*/*"),
            .string("accept_encoding", ""),
            .string("accept_language", "en"),
            .string("support", ""),
        ],
        requires: ["signaling"])
}
