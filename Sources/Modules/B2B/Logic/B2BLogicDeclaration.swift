package import RouteLanguage

extension ModuleDeclaration {
    /// `b2b_logic`: what the entities of `b2b_entities` are for.
    package static let b2bLogic = ModuleDeclaration(
        "b2b_logic", functions: b2bLogicFunctions, variables: b2bLogicVariables, parameters: b2bLogicParameters,
        requires: ["b2b_entities"])

    private static let noDatabase = Availability.missing("sessions are kept in memory; SIPRay has no database module")
    private static let requestOrReply: RouteKinds = [.request, .onreply]

    private static func words(_ words: Set<String>) -> ConstantRule {
        ConstantRule(words, separator: ",")
    }

    private static let b2bLogicFunctions: [FunctionDeclaration] = [
        FunctionDeclaration(
            "b2b_init_request",
            [
                .string("id"), .string("flags", optional: true), .string("req_route", optional: true),
                .string("reply_route", optional: true),
            ], routes: [.request], isSlow: false),
        FunctionDeclaration(
            "b2b_server_new",
            [
                .string("id"), .string("adv_contact", optional: true),
                ParameterSpec("extra_hdrs", .inputVariable, isOptional: true),
                ParameterSpec("extra_hdr_bodies", .inputVariable, isOptional: true),
            ], routes: [.request]),
        FunctionDeclaration(
            "b2b_client_new",
            [
                .string("id"), .string("dest_uri"), .string("proxy", optional: true),
                .string("from_dname", optional: true), .string("adv_contact", optional: true),
                ParameterSpec("extra_hdrs", .inputVariable, isOptional: true),
                ParameterSpec("extra_hdr_bodies", .inputVariable, isOptional: true),
                .string("flags", optional: true).following(words(["pass-legs-upstream"])),
            ], routes: requestOrReply),
        FunctionDeclaration(
            "b2b_bridge",
            [
                .string("entity1"), .string("entity2"), .string("provmedia_uri", optional: true),
                .string("flags", optional: true),
            ], routes: [.request]),
        FunctionDeclaration("b2b_bridge_retry", [.string("new_entity")], routes: requestOrReply),
        FunctionDeclaration("b2b_pass_request", routes: [.request]),
        FunctionDeclaration(
            "b2b_handle_reply", [.string("flags", optional: true).following(words(["pass-3xx-contact"]))],
            routes: requestOrReply),
        FunctionDeclaration(
            "b2b_send_reply",
            [
                .integer("code"), .string("reason"), .string("headers", optional: true),
                .string("body", optional: true),
            ], routes: [.request]),
        FunctionDeclaration("b2b_delete_entity", routes: [.request]),
        FunctionDeclaration("b2b_end_dlg_leg", routes: requestOrReply),
        FunctionDeclaration(
            "b2b_bridge_request",
            [
                .string("b2bl_key"), .integer("entity_no"), .string("adv_contact", optional: true),
                .string("flags", optional: true).following(words(["late_bye"])),
            ], routes: [.request]),
        FunctionDeclaration(
            "b2b_trigger_scenario",
            [
                .string("scenario"), .string("params", optional: true), .string("peer1"),
                ParameterSpec("extra_headers_peer1", .inputVariable, isOptional: true),
                ParameterSpec("extra_headers_contents_peer1", .inputVariable, isOptional: true), .string("peer2"),
                ParameterSpec("extra_headers_peer2", .inputVariable, isOptional: true),
                ParameterSpec("extra_headers_contents_peer2", .inputVariable, isOptional: true),
            ], routes: [.request]),
    ]

    static let b2bLogicVariables: [VariableDeclaration] = [
        VariableDeclaration("b2b_logic.key"),
        VariableDeclaration("b2b_logic.entity", inner: .optional, isIndexable: true),
        VariableDeclaration("b2b_logic.ctx", inner: .required, isWritable: true),
        VariableDeclaration("b2b_logic.scenario", inner: .optional),
        VariableDeclaration("b2b_logic.peer", inner: .required),
    ]

    private static let b2bLogicParameters: [ModuleParameterDeclaration] = [
        .integer("hash_size", 9),
        .string("script_req_route"),
        .string("script_reply_route"),
        .integer("cleanup_period", 100),
        .string("custom_headers_regexp"),
        .string("custom_headers"),
        .string("custom_contact_header_params"),
        ModuleParameterDeclaration("db_url", .string, availability: noDatabase),
        ModuleParameterDeclaration("cachedb_url", .string, availability: noDatabase),
        ModuleParameterDeclaration("cachedb_key_prefix", .string, availability: noDatabase),
        ModuleParameterDeclaration("update_period", .integer, availability: noDatabase),
        .integer("max_duration", 12 * 3600),
        .integer("contact_user", 0),
        .string("b2bl_from_spec_param"),
        .string("server_address"),
        .string("init_callid_hdr"),
        .integer("db_mode", 0),
        ModuleParameterDeclaration("db_table", .string, availability: noDatabase),
        .integer("b2bl_th_init_timeout", 60),
        .integer("b2bl_early_update", 0),
        .integer("old_entity_term_delay", 0),
        .integer("sessions_max", 100_000),
    ]
}
