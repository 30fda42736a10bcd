package import RouteLanguage

extension ModuleDeclaration {
    /// `registrar`: REGISTER requests, and routing to what they registered.
    package static let registrar = ModuleDeclaration(
        "registrar", functions: functions, parameters: parameters + pushParameters, requires: ["usrloc", "signaling"])

    private static let table = ParameterSpec.string("domain", isStatic: true)
    private static let anyMessage: RouteKinds = [.request, .failure, .branch, .onreply, .local]

    private static let functions = [
        FunctionDeclaration(
            "save",
            [
                table, .string("flags", optional: true).following(ScriptWords.saveFlags),
                .string("aor", optional: true), .string("ownership_tag", optional: true),
            ],
            routes: [.request, .onreply], isSlow: true),
        FunctionDeclaration(
            "remove",
            [
                table, .string("aor"), .string("contact", optional: true), .string("next_hop", optional: true),
                .string("sip_instance", optional: true), .string("bflag", optional: true),
            ],
            routes: [.request, .onreply]),
        FunctionDeclaration(
            "remove_ip_port", [.string("ip"), .integer("port"), table, .string("aor", optional: true)]),
        FunctionDeclaration(
            "lookup",
            [
                table, .string("flags", optional: true).following(ScriptWords.lookupFlags),
                .string("aor", optional: true),
            ],
            routes: [.request, .failure, .onreply, .branch], isSlow: true),
        FunctionDeclaration("is_registered", [table, .string("aor", optional: true)], routes: anyMessage),
        FunctionDeclaration(
            "is_contact_registered",
            [
                table, .string("aor", optional: true), .string("contact", optional: true),
                .string("callid", optional: true),
            ],
            routes: anyMessage),
        FunctionDeclaration(
            "is_ip_registered",
            [
                table, .string("aor", optional: true), ParameterSpec("ip", .inputVariable),
                ParameterSpec("port", .inputVariable, isOptional: true),
            ],
            routes: anyMessage),
        FunctionDeclaration(
            "is_other_contact_registered",
            [table, .string("aor", optional: true), .string("contact", optional: true)], routes: anyMessage,
            availability: .missing("ask with is_contact_registered() or is_ip_registered()")),
        FunctionDeclaration("add_sock_hdr", [.string("hdr_name")], routes: [.request]),
        FunctionDeclaration(
            "pn_process_purr", [table], routes: [.request], hasAsyncForm: true,
            availability: .missing("push notifications (RFC 8599) are not supported; relay the request at once")),
    ]

    private static let parameters: [ModuleParameterDeclaration] = [
        .integer("default_expires", 3600),
        .integer("min_expires", 60),
        .integer("max_expires", 0),
        .integer("default_q", 0).within(-1...1000),
        .string("tcp_persistent_flag"),
        .string("realm_prefix"),
        .integer("case_sensitive", 1),
        .string("received_avp"),
        .string("received_param", "received"),
        .integer("allow_dup_cseq", 1),
        .integer("expires_max_deviation", 0),
        .integer("max_contacts", 0),
        .integer("max_username_len", 64),
        .integer("max_domain_len", 64),
        .integer("max_aor_len", 256),
        .integer("max_contact_len", 255),
        .integer("retry_after", 0),
        .string("sock_hdr_name"),
        .string("mcontact_avp"),
        .string("attr_avp"),
        ModuleParameterDeclaration(
            "gruu_secret", .string, availability: .missing("GRUUs (RFC 5627) are not generated; remove it")),
        .integer("disable_gruu", 1),
    ]

    private static let pushParameters: [ModuleParameterDeclaration] = [
        ("pn_enable", .integer), ("pn_providers", .string), ("pn_ct_match_params", .string),
        ("pn_pnsreg_interval", .integer), ("pn_trigger_interval", .integer), ("pn_skip_pn_interval", .integer),
        ("pn_refresh_timeout", .integer), ("pn_enable_purr", .integer),
    ].map { (name: String, type: ModuleParameterDeclaration.ValueType) in
        ModuleParameterDeclaration(
            name, type, availability: .missing("push notifications (RFC 8599) are not supported; remove it"))
    }
}
