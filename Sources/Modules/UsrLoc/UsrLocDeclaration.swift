package import RouteLanguage

extension ModuleDeclaration {
    /// `usrloc`: where users are, in memory.
    package static let usrloc = ModuleDeclaration(
        "usrloc",
        functions: [
            FunctionDeclaration(
                "ul_add_key",
                [
                    .string("domain"), .string("aor"), .string("key"), .string("value", optional: true),
                ]),
            FunctionDeclaration(
                "ul_get_key", [.string("domain"), .string("aor"), .string("key"), .output("value")]),
            FunctionDeclaration(
                "ul_del_key", [.string("domain"), .string("aor"), .string("key")]),
        ],
        parameters: workingParameters + databaseParameters + clusterParameters + pingingParameters)

    private static let workingParameters: [ModuleParameterDeclaration] = [
        .string("nat_bflag"),
        .integer("use_domain", 1),
        .integer("desc_time_order", 0),
        .integer("timer_interval", 60),
        .string("working_mode_preset", "single-instance-no-db").following(memoryOnly("single-instance-no-db")),
        .string("cluster_mode", "none").following(memoryOnly("none")),
        .string("restart_persistency", "none").following(memoryOnly("none")),
        .string("sql_write_mode", "none").following(memoryOnly("none")),
        .integer("matching_mode", 0),
        .integer("cseq_delay", 20),
        .integer("hash_size", 9),
        .integer("mi_dump_kv_store", 0),
    ]

    /// Names of database columns and the like. Accepted, so that a script may keep them; nothing reads them.
    private static let databaseParameters: [ModuleParameterDeclaration] =
        [
            ("contact_id_column", "contact_id"), ("user_column", "username"), ("domain_column", "domain"),
            ("contact_column", "contact"), ("expires_column", "expires"), ("q_column", "q"),
            ("callid_column", "callid"), ("cseq_column", "cseq"), ("methods_column", "methods"),
            ("flags_column", "flags"), ("cflags_column", "cflags"), ("user_agent_column", "user_agent"),
            ("received_column", "received"), ("socket_column", "socket"), ("path_column", "path"),
            ("sip_instance_column", "sip_instance"), ("kv_store_column", "kv_store"), ("attr_column", "attr"),
        ].map { .string($0.0, $0.1) } + [
            missing("db_url", .string, "there is no database yet; contacts live in memory"),
            missing("cachedb_url", .string, "there is no database yet; contacts live in memory"),
            .integer("db_mode", 0).following(memoryOnly("0")),
            .integer("max_contact_delete", 10),
            .integer("regen_broken_contactid", 0),
        ]

    private static let clusterParameters: [ModuleParameterDeclaration] = [
        missing("location_cluster", .integer, "contacts are not shared between servers; run one instance"),
        missing("ha_cluster", .integer, "contacts are not shared between servers; run one instance"),
        missing("ha_shtag", .string, "contacts are not shared between servers; run one instance"),
        .integer("skip_replicated_db_ops", 0),
        .string("pinging_mode", "ownership"),
    ]

    private static let pingingParameters: [ModuleParameterDeclaration] = [
        .integer("latency_event_min_us", 0),
        .integer("latency_event_min_us_delta", 0),
        missing("contact_refresh_timer", .integer, "push notifications (RFC 8599) are not supported; remove it"),
    ]

    private static func memoryOnly(_ word: String) -> ConstantRule {
        ScriptWords.only(word, otherwise: "contacts live in memory only, there is no database yet: use \"\(word)\"")
    }

    private static func missing(
        _ name: String, _ type: ModuleParameterDeclaration.ValueType, _ reason: String
    ) -> ModuleParameterDeclaration {
        ModuleParameterDeclaration(name, type, availability: .missing(reason))
    }
}
