import RouteLanguage

/// A small catalogue: enough of each kind of declaration to cross every rule of the checker.
enum TestCatalogue {
    static let all = Catalogue(
        core: core,
        modules: [
            signaling, tm, rr, maxfwd, sipmsgops, usrloc, registrar, acc, cfgutils,
            ModuleDeclaration("sl", parameters: [.integer("enable_stats", 1), .string("text")]),
            ModuleDeclaration("proto_udp", parameters: [.integer("udp_port", 5060)], transport: "udp"),
            ModuleDeclaration("mi_fifo", parameters: [.string("fifo_name"), .integer("fifo_mode")]),
            ModuleDeclaration("dialog", availability: .missing("dialogs come with a later release")),
        ])

    static let messageRoutes: RouteKinds = [.request, .failure, .onreply, .branch, .local]

    static let core = ModuleDeclaration(
        "core",
        functions: [
            FunctionDeclaration("is_myself", [.string("host"), .integer("port", optional: true)]),
            FunctionDeclaration("setflag", [.string("flag", isStatic: true)]),
            FunctionDeclaration("isbflagset", [.string("flag", isStatic: true), .integer("branch", optional: true)]),
            FunctionDeclaration("seturi", [.string("uri")]),
            FunctionDeclaration(
                "optional",
                [
                    .string("a", optional: true), .string("b", optional: true), .string("c", optional: true),
                ]),
            FunctionDeclaration("output", [.output("result")]),
            FunctionDeclaration("matches", [.regularExpression("pattern")]),
            FunctionDeclaration("cache_fetch", availability: .missing("there is no cache yet; use `$avp`")),
        ],
        variables: ["ru", "rU", "rd", "rp", "du"].map { VariableDeclaration($0, isWritable: true) }
            + ["rs", "rc", "si", "sp", "fd", "fu", "tu", "ci", "Ts"].map { VariableDeclaration($0) } + [
                VariableDeclaration("var", inner: .required, isWritable: true),
                VariableDeclaration("avp", inner: .required, isWritable: true, isIndexable: true),
                VariableDeclaration("hdr", inner: .required, isIndexable: true),
                VariableDeclaration("socket_in", inner: .optional),
                VariableDeclaration("time", inner: .required),
                VariableDeclaration("identity", availability: .missing("it is not written yet")),
            ],
        transformations: [
            TransformationDeclaration("s", "len"), TransformationDeclaration("s", "int"),
            TransformationDeclaration("s", "tolower"), TransformationDeclaration("s", "substr", arguments: 2...2),
            TransformationDeclaration("s", "select", arguments: 2...2), TransformationDeclaration("uri", "user"),
            TransformationDeclaration("via", "param", arguments: 1...1),
            TransformationDeclaration("nameaddr", "uri", arguments: 0...1),
            TransformationDeclaration("re", "subst", arguments: 1...1),
            TransformationDeclaration("s", "sha1", availability: .missing("digests come later")),
        ])

    static let signaling = ModuleDeclaration(
        "signaling",
        functions: [
            FunctionDeclaration(
                "send_reply", [.integer("code"), .string("reason")], routes: [.request, .failure, .error])
        ])

    static let tm = ModuleDeclaration(
        "tm",
        functions: [
            FunctionDeclaration(
                "t_relay", [.string("flags", optional: true)], routes: [.request, .failure], isSlow: true),
            FunctionDeclaration("t_reply", [.integer("code"), .string("reason")], routes: [.request, .failure]),
            FunctionDeclaration("t_newtran", routes: .request),
            FunctionDeclaration("t_check_trans", routes: [.request, .branch]),
            FunctionDeclaration("t_on_failure", [.route("name", .failure)], routes: [.request, .failure]),
            FunctionDeclaration("t_on_reply", [.route("name", .onreply)], routes: [.request, .failure, .branch]),
            FunctionDeclaration("t_on_branch", [.route("name", .branch)], routes: [.request, .failure]),
            FunctionDeclaration("t_was_cancelled", routes: [.failure, .onreply]),
            FunctionDeclaration(
                "t_check_status", [.regularExpression("pattern")], routes: [.failure, .onreply, .branch]),
        ],
        variables: [VariableDeclaration("T_reply_code")],
        parameters: [
            .integer("fr_timeout", 5), .integer("fr_inv_timeout", 120), .integer("restart_fr_on_each_reply", 1),
            .integer("onreply_avp_mode", 0), .integer("enable_stats", 1), .string("text"),
        ])

    static let rr = ModuleDeclaration(
        "rr",
        functions: [
            FunctionDeclaration("record_route", [.string("text", optional: true)], routes: [.request, .branch]),
            FunctionDeclaration("loose_route", routes: .request),
        ],
        parameters: [.integer("append_fromtag", 1)])

    static let maxfwd = ModuleDeclaration(
        "maxfwd",
        functions: [FunctionDeclaration("mf_process_maxfwd_header", [.integer("limit")], routes: .request)])

    static let sipmsgops = ModuleDeclaration(
        "sipmsgops",
        functions: [
            FunctionDeclaration("is_method", [.string("methods", isStatic: true)], routes: messageRoutes),
            FunctionDeclaration("has_totag", routes: [.request, .branch]),
            FunctionDeclaration(
                "append_hf", [.string("text"), .string("after", optional: true)], routes: messageRoutes),
        ])

    static let usrloc = ModuleDeclaration(
        "usrloc", parameters: [.string("nat_bflag"), .string("working_mode_preset", "single-instance-no-db")])

    static let registrar = ModuleDeclaration(
        "registrar",
        functions: [
            FunctionDeclaration(
                "save", [.string("domain", isStatic: true), .string("flags", optional: true)],
                routes: [.request, .onreply]),
            FunctionDeclaration(
                "lookup", [.string("domain", isStatic: true), .string("flags", optional: true)],
                routes: [.request, .failure]),
        ],
        parameters: [.string("tcp_persistent_flag"), .integer("max_contacts", 0)], requires: ["usrloc"])

    static let acc = ModuleDeclaration(
        "acc",
        functions: [
            FunctionDeclaration(
                "do_accounting", [.string("type"), .string("flags", optional: true), .string("table", optional: true)],
                routes: messageRoutes)
        ],
        parameters: [.integer("early_media", 0), .integer("report_cancels", 0), .integer("detect_direction", 0)],
        requires: ["tm"])

    static let cfgutils = ModuleDeclaration(
        "cfgutils",
        functions: [
            FunctionDeclaration("usleep", [.integer("microseconds")], hasAsyncForm: true, isSlow: true),
            FunctionDeclaration("sleepy", [.integer("seconds")], hasAsyncForm: true, isSlow: true),
        ])
}
