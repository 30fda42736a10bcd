package import RouteLanguage

extension ModuleDeclaration {
    /// `dialog`: calls as a whole, from INVITE to BYE.
    package static let dialog = ModuleDeclaration(
        "dialog",
        functions: followingFunctions + valueFunctions + searchFunctions + profileFunctions + routeFunctions,
        variables: dialogVariables, parameters: dialogParameters, requires: ["tm"])

    private static let dialogRoutes: RouteKinds = [.request, .branch, .onreply, .failure]

    private static let followingFunctions: [FunctionDeclaration] = [
        FunctionDeclaration(
            "create_dialog", [.string("flags", optional: true).following(ScriptWords.dialogFlags)], routes: [.request]),
        FunctionDeclaration(
            "match_dialog", [.string("dlg_match_mode", optional: true).following(ScriptWords.dialogMatching)],
            routes: [.request]),
        FunctionDeclaration("validate_dialog", routes: [.request]),
        FunctionDeclaration("fix_route_dialog", routes: [.request]),
        FunctionDeclaration(
            "dlg_send_sequential",
            [
                .string("method"), .string("leg").following(ScriptWords.dialogSides), .string("body", optional: true),
                .string("content_type", optional: true), .string("headers", optional: true),
            ]),
        FunctionDeclaration(
            "dlg_inc_cseq", [.stringOrInteger("tag", optional: true), .integer("inc", optional: true)],
            routes: [.request, .failure, .onreply, .branch, .local]),
        FunctionDeclaration(
            "set_dlg_sharing_tag", [.string("tag_name")], routes: dialogRoutes,
            availability: .missing("dialogs are not shared between servers; run one instance")),
    ]

    private static let valueFunctions: [FunctionDeclaration] = [
        FunctionDeclaration("set_dlg_flag", [.string("flag", isStatic: true)], routes: dialogRoutes),
        FunctionDeclaration("reset_dlg_flag", [.string("flag", isStatic: true)], routes: dialogRoutes),
        FunctionDeclaration("is_dlg_flag_set", [.string("flag", isStatic: true)], routes: dialogRoutes),
        FunctionDeclaration(
            "test_and_set_dlg_flag", [.string("flag", isStatic: true), .integer("value")], routes: dialogRoutes),
        FunctionDeclaration("store_dlg_value", [.string("name"), .stringOrInteger("val")], routes: dialogRoutes),
        FunctionDeclaration("fetch_dlg_value", [.string("name"), .output("val")], routes: dialogRoutes),
    ]

    private static let searchFunctions: [FunctionDeclaration] = [
        FunctionDeclaration(
            "get_dialog_info",
            [.string("attr"), .output("avp"), .string("key"), .string("key_val"), .output("no_dlgs", optional: true)]),
        FunctionDeclaration("get_dialog_vals", [.output("names"), .output("vals"), .string("callid")]),
        FunctionDeclaration(
            "get_dialogs_by_val", [.string("name"), .stringOrInteger("value"), .output("out_avp"), .output("dlg_no")]),
        FunctionDeclaration(
            "get_dialogs_by_profile",
            [.string("name"), .string("value", optional: true), .output("out_avp"), .output("dlg_no")]),
        FunctionDeclaration(
            "load_dialog_ctx",
            [
                .string("dialog"),
                .string("id_type", optional: true).following(ScriptWords.dialogIdentifiers),
                .integer("active_only", optional: true),
            ]),
        FunctionDeclaration("unload_dialog_ctx"),
    ]

    private static let profileFunctions: [FunctionDeclaration] = [
        FunctionDeclaration(
            "set_dlg_profile",
            [.string("profile"), .string("value", optional: true), .integer("clear_values", optional: true)],
            routes: dialogRoutes),
        FunctionDeclaration(
            "unset_dlg_profile", [.string("profile"), .string("value", optional: true)], routes: dialogRoutes),
        FunctionDeclaration(
            "is_in_profile", [.string("profile"), .string("value", optional: true)], routes: dialogRoutes),
        FunctionDeclaration(
            "get_profile_size", [.string("profile"), .string("value", optional: true), .output("size")],
            routes: dialogRoutes),
    ]

    private static let routeFunctions: [FunctionDeclaration] = [
        FunctionDeclaration("dlg_on_answer", [.route("route_name", .request, optional: true)], routes: dialogRoutes),
        FunctionDeclaration("dlg_on_timeout", [.route("route_name", .request, optional: true)], routes: dialogRoutes),
        FunctionDeclaration("dlg_on_hangup", [.route("route_name", .request, optional: true)], routes: dialogRoutes),
    ]

    private static let dialogVariables: [VariableDeclaration] = [
        VariableDeclaration("DLG_count"),
        VariableDeclaration("DLG_status"),
        VariableDeclaration("DLG_lifetime"),
        VariableDeclaration("DLG_flags"),
        VariableDeclaration("DLG_dir"),
        VariableDeclaration("DLG_did"),
        VariableDeclaration("DLG_end_reason"),
        VariableDeclaration("DLG_timeout", isWritable: true),
        VariableDeclaration("DLG_del_delay", isWritable: true),
        VariableDeclaration("DLG_json"),
        VariableDeclaration("DLG_ctx_json"),
        VariableDeclaration("dlg_val", inner: .required, isWritable: true),
    ]

    private static let dialogParameters: [ModuleParameterDeclaration] =
        [
            .integer("enable_stats", 1),
            .integer("hash_size", 4096),
            .integer("log_profile_hash_size", 4),
            .string("rr_param", "did"),
            .integer("default_timeout", 43_200),
            .string("dlg_extra_hdrs"),
            .integer("dlg_match_mode", 1),
            .integer("delete_delay", 0),
            .integer("options_ping_interval", 30),
            .integer("reinvite_ping_interval", 300),
            .string("profiles_with_value"),
            .string("profiles_no_value"),
            .integer("race_condition_timeout", 5),
            .integer("auto_prack_hangup_on_failure", 0),
            .integer("auto_prack_fr_timeout", 3),
            .integer("db_mode", 0),
            // Of SIPRay's own: how many dialogs there may be.
            .integer("dialogs_max", 250_000),
            ModuleParameterDeclaration(
                "ping_interval", .integer,
                availability: .missing("it is called options_ping_interval now")),
        ] + databaseParameters + clusterParameters

    private static let databaseParameters: [ModuleParameterDeclaration] = [
        "db_url", "table_name", "call_id_column", "from_uri_column", "from_tag_column", "to_uri_column",
        "to_tag_column", "from_cseq_column", "to_cseq_column", "from_route_column", "to_route_column",
        "from_contact_column", "to_contact_column", "from_sock_column", "to_sock_column", "dlg_id_column",
        "state_column", "start_time_column", "timeout_column", "profiles_column", "vars_column", "sflags_column",
        "mflags_column", "flags_column", "cachedb_url", "profile_value_prefix", "profile_no_value_prefix",
        "profile_size_prefix", "db_update_period", "db_flush_vals_profiles", "timer_bulk_del_no", "profile_timeout",
    ].map { missing($0, "there is no database yet; dialogs live in memory") }

    private static let clusterParameters: [ModuleParameterDeclaration] = [
        "dialog_replication_cluster", "profile_replication_cluster", "replicate_profiles_buffer",
        "replicate_profiles_check", "replicate_profiles_timer", "replicate_profiles_expire", "cluster_auto_sync",
        "accept_replicated_dialogs", "replicate_dialogs_to",
    ].map { missing($0, "dialogs are not shared between servers; run one instance") }

    private static func missing(_ name: String, _ reason: String) -> ModuleParameterDeclaration {
        ModuleParameterDeclaration(name, .any, availability: .missing(reason))
    }
}
