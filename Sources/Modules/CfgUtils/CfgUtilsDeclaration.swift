package import RouteLanguage

extension ModuleDeclaration {
    /// `cfgutils`: chance, waiting, locks, shared variables, time recurrences.
    package static let cfgutils = ModuleDeclaration(
        "cfgutils",
        functions: chanceFunctions + waitingFunctions + lockFunctions + timeFunctions + [
            FunctionDeclaration("abort"),
            FunctionDeclaration("pkg_status"),
            FunctionDeclaration("shm_status"),
            FunctionDeclaration("set_count", [ParameterSpec("variable", .inputVariable), .output("count")]),
            FunctionDeclaration("set_select_weight", [ParameterSpec("weights", .inputVariable)]),
            FunctionDeclaration("shuffle_avps", [ParameterSpec("name", .variable)]),
        ],
        variables: [
            VariableDeclaration("env", inner: .required),
            VariableDeclaration("RANDOM"),
            VariableDeclaration("ctime", inner: .required),
            VariableDeclaration("shv", inner: .required, isWritable: true),
        ],
        parameters: [
            ModuleParameterDeclaration("initial_probability", .any, default: .integer(10)).within(0...100),
            .string("hash_file"),
            .integer("shv_hash_size", 64),
            .string("shvset"),
            .string("varset"),
            ModuleParameterDeclaration("lock_pool_size", .any, default: .integer(32)).within(1...65_536),
        ])

    private static let chanceFunctions = [
        FunctionDeclaration("rand_event", [.integer("probability", optional: true)]),
        FunctionDeclaration("rand_set_prob", [.integer("probability")]),
        FunctionDeclaration("rand_reset_prob"),
        FunctionDeclaration("rand_get_prob"),
    ]

    private static let waitingFunctions = [
        FunctionDeclaration("sleep", [.integer("seconds")], hasAsyncForm: true, isSlow: true),
        FunctionDeclaration("usleep", [.integer("microseconds")], hasAsyncForm: true, isSlow: true),
    ]

    private static let lockFunctions = [
        FunctionDeclaration("get_static_lock", [.string("key", isStatic: true)], isSlow: true),
        FunctionDeclaration("release_static_lock", [.string("key", isStatic: true)]),
        FunctionDeclaration("get_dynamic_lock", [.string("key")], isSlow: true),
        FunctionDeclaration("release_dynamic_lock", [.string("key")]),
        FunctionDeclaration("strings_share_lock", [.string("key1"), .string("key2")]),
    ]

    private static let timeFunctions = [
        FunctionDeclaration(
            "ts_usec_delta",
            [
                .integer("t1_sec"), .integer("t1_usec"), .integer("t2_sec"), .integer("t2_usec"),
                .output("delta_str", optional: true), .output("delta_int", optional: true),
            ]),
        FunctionDeclaration(
            "check_time_rec", [.string("time_string"), .stringOrInteger("timestamp", optional: true)]),
        FunctionDeclaration(
            "get_accurate_time", [.output("sec"), .output("usec"), .output("str_sec_usec", optional: true)]),
    ]
}
