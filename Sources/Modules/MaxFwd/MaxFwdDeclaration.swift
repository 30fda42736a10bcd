package import RouteLanguage

extension ModuleDeclaration {
    /// `maxfwd`: the Max-Forwards header.
    package static let maxfwd = ModuleDeclaration(
        "maxfwd",
        functions: [
            FunctionDeclaration("mf_process_maxfwd_header", [.integer("max_value")], routes: [.request]),
            FunctionDeclaration("is_maxfwd_lt", [.integer("max_value")], routes: .ofRequests),
        ],
        parameters: [.integer("max_limit", 256).within(1...256)])
}
