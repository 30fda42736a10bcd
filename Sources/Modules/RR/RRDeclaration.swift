package import RouteLanguage

extension ModuleDeclaration {
    /// `rr`: record-routing and routing by Route headers.
    package static let rr = ModuleDeclaration(
        "rr",
        functions: [
            FunctionDeclaration("loose_route", routes: [.request]),
            FunctionDeclaration("record_route", [.string("parameters", optional: true)], routes: recordingRoutes),
            FunctionDeclaration(
                "record_route_preset", [.string("address"), .string("inbound_address", optional: true)],
                routes: recordingRoutes),
            FunctionDeclaration("add_rr_param", [.string("parameter")], routes: recordingRoutes),
            FunctionDeclaration("check_route_param", [.regularExpression("pattern")], routes: [.request]),
            FunctionDeclaration(
                "is_direction", [.string("direction").following(ScriptWords.directions)], routes: [.request]),
        ],
        variables: [VariableDeclaration("rr_params")],
        parameters: [
            .integer("append_fromtag", 1),
            .integer("enable_double_rr", 1),
            .integer("add_username", 0),
            .integer("enable_socket_mismatch_warning", 1),
        ])

    private static let recordingRoutes: RouteKinds = [.request, .branch, .failure]
}
