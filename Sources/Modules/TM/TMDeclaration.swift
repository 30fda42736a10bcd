package import RouteLanguage

extension ModuleDeclaration {
    /// `tm`: stateful handling of requests.
    package static let tm = ModuleDeclaration(
        "tm", functions: tmFunctions, variables: tmVariables, parameters: tmParameters)

    private static let allButError: RouteKinds = [.request, .failure, .onreply, .branch]

    private static let tmFunctions: [FunctionDeclaration] = [
        FunctionDeclaration(
            "t_relay",
            [
                .stringOrInteger("flags", optional: true).following(ScriptWords.relayFlags),
                .string("outbound_proxy", optional: true),
            ],
            routes: [.request, .failure], isSlow: true),
        FunctionDeclaration("t_reply", [.integer("code"), .string("reason")], routes: [.request, .failure]),
        FunctionDeclaration(
            "t_reply_with_body", [.integer("code"), .string("reason"), .string("body")], routes: [.request, .failure]),
        FunctionDeclaration("t_newtran", routes: [.request]),
        FunctionDeclaration("t_check_trans", routes: [.request, .branch]),
        FunctionDeclaration("t_check_status", [.regularExpression("status")], routes: allButError),
        FunctionDeclaration(
            "t_local_replied", [.string("which").following(ScriptWords.repliedBy)], routes: allButError),
        FunctionDeclaration("t_was_cancelled", routes: [.failure, .onreply]),
        FunctionDeclaration(
            "t_cancel_branch", [.string("flags", optional: true).following(ScriptWords.cancelFlags)], routes: [.onreply]
        ),
        FunctionDeclaration(
            "t_new_request",
            [
                .string("method"), .string("ruri"), .string("from"), .string("to"), .string("body", optional: true),
                .string("ctx", optional: true),
            ], isSlow: true),
        FunctionDeclaration("t_on_failure", [.route("failure_route", .failure)], routes: allButError),
        FunctionDeclaration("t_on_reply", [.route("reply_route", .onreply)], routes: allButError),
        FunctionDeclaration("t_on_branch", [.route("branch_route", .branch)], routes: allButError),
        FunctionDeclaration(
            "t_inject_branches",
            [
                .string("source").following(ScriptWords.branchSources),
                .string("flags", optional: true).following(ScriptWords.injectionFlags),
            ], isSlow: true),
        FunctionDeclaration("t_wait_for_new_branches", [.integer("branches", optional: true)], routes: allButError),
        FunctionDeclaration("t_wait_no_more_branches", routes: allButError),
        FunctionDeclaration("t_add_hdrs", [.string("sip_hdrs")], routes: allButError),
        FunctionDeclaration("t_add_cancel_reason", [.string("reason_hdr")], routes: [.request]),
        FunctionDeclaration(
            "t_replicate",
            [
                .string("uri"),
                .stringOrInteger("flags", optional: true).following(ScriptWords.replicateFlags),
            ], routes: [.request], isSlow: true),
        FunctionDeclaration(
            "t_write_req", [.string("info"), .string("fifo")], routes: [.request, .failure, .branch],
            availability: .missing("use raise_event() or xlog() to tell another program about a request")),
        FunctionDeclaration(
            "t_write_unix", [.string("info"), .string("sock")], routes: [.request, .failure, .branch],
            availability: .missing("use raise_event() with a unix: subscriber")),
        FunctionDeclaration("t_flush_flags", routes: [.request, .branch]),
        FunctionDeclaration(
            "t_anycast_replicate", availability: .missing("it belongs to the clusterer module; run one server")),
        FunctionDeclaration(
            "t_reply_by_callid",
            [
                .integer("code"), .string("reason"), .string("callid", optional: true),
                .stringOrInteger("cseq", optional: true),
            ], routes: [.request]),
        FunctionDeclaration(
            "t_get_branch_idx_by_attr",
            [
                .string("attr"), .string("val_str", optional: true), .integer("val_int", optional: true),
                .output("result_var", optional: true), .integer("offset", optional: true),
            ], routes: [.onreply, .branch, .failure]),
    ]

    static let tmVariables: [VariableDeclaration] = [
        VariableDeclaration("T_branch_idx"),
        VariableDeclaration("T_reply_code"),
        VariableDeclaration("T_fr_timeout", isWritable: true),
        VariableDeclaration("T_fr_inv_timeout", isWritable: true),
        VariableDeclaration("T_ruri"),
        VariableDeclaration("bavp", inner: .required, isWritable: true),
        VariableDeclaration("T_id"),
        VariableDeclaration("T_branch_last_reply_code", inner: .optional),
        VariableDeclaration("tm.branch.uri", isIndexable: true),
        VariableDeclaration("tm.branch.duri", isIndexable: true),
        VariableDeclaration("tm.branch.path", isIndexable: true),
        VariableDeclaration("tm.branch.q", isIndexable: true),
        VariableDeclaration("tm.branch.flags", isIndexable: true),
        VariableDeclaration("tm.branch.socket", isIndexable: true),
        VariableDeclaration("tm.branch.flag", inner: .required, isWritable: true, isIndexable: true),
        VariableDeclaration("tm.branch.attr", inner: .required, isWritable: true, isIndexable: true),
        VariableDeclaration("tm.branch.last_received", isIndexable: true),
        VariableDeclaration("tm.branch.type", isIndexable: true),
    ]

    private static let cluster = Availability.missing("anycast needs the clusterer module; leave it out")

    private static let durations = 1...Int(Int32.max / 1000)

    private static let tmParameters: [ModuleParameterDeclaration] = [
        .integer("fr_timeout", 30).within(durations),
        .integer("fr_inv_timeout", 120).within(durations),
        .integer("wt_timer", 5).within(durations),
        .integer("delete_timer", 2),
        .integer("T1_timer", 500).within(durations),
        .integer("T2_timer", 4_000).within(durations),
        .integer("ruri_matching", 1),
        .integer("via1_matching", 1),
        .integer("unix_tx_timeout", 2),
        .integer("restart_fr_on_each_reply", 1),
        .string("tw_append"),
        .integer("pass_provisional_replies", 0),
        .integer("syn_branch", 1),
        .integer("onreply_avp_mode", 0),
        .integer("disable_6xx_block", 0),
        .integer("enable_stats", 1),
        ModuleParameterDeclaration("minor_branch_flag", .any),
        .integer("timer_partitions", 1),
        .integer("auto_100trying", 1),
        ModuleParameterDeclaration("tm_replication_cluster", .integer, availability: cluster),
        ModuleParameterDeclaration("cluster_param", .string, availability: cluster),
        ModuleParameterDeclaration("cluster_auto_cancel", .integer, availability: cluster),
        ModuleParameterDeclaration(
            "local_request_route", .string, availability: .missing("local_route sees requests that are made here")),
        ModuleParameterDeclaration(
            "local_reply_route", .string, availability: .missing("log replies where the script sends them")),
    ]
}
