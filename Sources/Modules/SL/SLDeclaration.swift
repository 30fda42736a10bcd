package import RouteLanguage

extension ModuleDeclaration {
    /// `sl`: stateless replies.
    package static let sl = ModuleDeclaration(
        "sl",
        functions: [
            FunctionDeclaration(
                "sl_send_reply", [.integer("code"), .string("reason")], routes: [.request, .error]),
            FunctionDeclaration("sl_reply_error", routes: [.request, .error]),
        ],
        parameters: [.integer("enable_stats", 1)])
}
