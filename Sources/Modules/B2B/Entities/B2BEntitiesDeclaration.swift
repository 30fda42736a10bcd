package import RouteLanguage

extension ModuleDeclaration {
    /// `b2b_entities`: dialogs of the server's own.
    package static let b2bEntities = ModuleDeclaration(
        "b2b_entities", functions: b2bEntityFunctions, parameters: b2bEntityParameters, requires: ["tm"])

    private static let noDatabase = Availability.missing("entities are kept in memory; SIPRay has no database module")
    private static let noCluster = Availability.missing("it does not replicate; run one server")
    private static let b2bEntityFunctions: [FunctionDeclaration] = [
        FunctionDeclaration(
            "ua_session_server_init",
            [
                .output("key", optional: true), .string("flags", optional: true),
                .string("extra_params", optional: true),
            ],
            routes: [.request]),
        FunctionDeclaration(
            "ua_session_update",
            [
                .string("key"), .string("method"), .string("body", optional: true),
                .string("extra_headers", optional: true), .string("content_type", optional: true),
            ], routes: [.request, .event]),
        FunctionDeclaration(
            "ua_session_reply",
            [
                .string("key"), .string("method"), .integer("code"), .string("reason", optional: true),
                .string("body", optional: true), .string("extra_headers", optional: true),
                .string("content_type", optional: true),
            ], routes: [.request, .event]),
        FunctionDeclaration(
            "ua_session_terminate", [.string("key"), .string("extra_headers", optional: true)],
            routes: [.request, .event]),
    ]

    private static let b2bEntityParameters: [ModuleParameterDeclaration] = [
        .integer("server_hsize", 9),
        .integer("client_hsize", 9),
        .string("script_req_route"),
        .string("script_reply_route"),
        ModuleParameterDeclaration("db_url", .string, availability: noDatabase),
        ModuleParameterDeclaration("cachedb_url", .string, availability: noDatabase),
        ModuleParameterDeclaration("cachedb_key_prefix", .string, availability: noDatabase),
        ModuleParameterDeclaration("update_period", .integer, availability: noDatabase),
        .string("b2b_key_prefix", "B2B"),
        .integer("db_mode", 0),
        ModuleParameterDeclaration("db_table", .string, availability: noDatabase),
        ModuleParameterDeclaration("cluster_id", .integer, availability: noCluster),
        .integer("passthru_prack", 0),
        .string("advertised_contact"),
        .integer("ua_default_timeout", 12 * 3600),
        .integer("entities_max", 200_000),
    ]
}
