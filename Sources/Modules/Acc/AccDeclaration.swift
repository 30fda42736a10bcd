package import RouteLanguage

extension ModuleDeclaration {
    /// `acc`: accounting of transactions and calls to the log and to events.
    package static let acc = ModuleDeclaration(
        "acc",
        functions: [
            FunctionDeclaration(
                "do_accounting",
                [
                    .string("type").following(ScriptWords.accountingBackends),
                    .string("flags", optional: true).following(ScriptWords.accountingFlags),
                    .string("table", optional: true),
                ],
                routes: .ofRequests),
            FunctionDeclaration(
                "drop_accounting",
                [
                    .string("type", optional: true).following(ScriptWords.accountingBackends),
                    .string("flags", optional: true).following(ScriptWords.accountingFlags),
                ],
                routes: .ofRequests),
            FunctionDeclaration("acc_log_request", [.string("comment")], routes: .ofRequests),
            FunctionDeclaration("acc_evi_request", [.string("comment")], routes: .ofRequests),
            FunctionDeclaration(
                "acc_db_request", [.string("comment"), .string("table")], routes: .ofRequests,
                availability: .missing("there is no database backend yet; use acc_log_request()")),
            FunctionDeclaration(
                "acc_aaa_request", [.string("comment")], routes: .ofRequests,
                availability: .missing("there is no AAA backend yet; use acc_log_request()")),
            FunctionDeclaration("acc_new_leg", routes: .ofRequests),
            FunctionDeclaration("acc_load_ctx_from_dlg"),
            FunctionDeclaration("acc_unload_ctx_from_dlg"),
        ],
        variables: [
            VariableDeclaration("acc_extra", inner: .required, isWritable: true),
            VariableDeclaration("acc_leg", inner: .required, isWritable: true, isIndexable: true),
            VariableDeclaration("acc_current_leg"),
        ],
        parameters: [
            .integer("early_media", 0).following(
                ScriptWords.only("0", otherwise: "provisional replies are not accounted; use 0")),
            .integer("report_cancels", 0),
            .integer("detect_direction", 0),
            .string("extra_fields"),
            .string("leg_fields"),
            .integer("log_level", 2).within(-3...4),
            .string("log_facility", "LOG_DAEMON"),
            missing("aaa_url", .string, "there is no AAA backend yet; account to the log"),
            missing("service_type", .integer, "there is no AAA backend yet; account to the log"),
            missing("db_url", .string, "there is no database backend yet; account to the log"),
            .string("db_table_acc", "acc"),
            .string("db_table_missed_calls", "missed_calls"),
            .string("acc_method_column", "method"),
            .string("acc_from_tag_column", "from_tag"),
            .string("acc_to_tag_column", "to_tag"),
            .string("acc_callid_column", "callid"),
            .string("acc_sip_code_column", "sip_code"),
            .string("acc_sip_reason_column", "sip_reason"),
            .string("acc_time_column", "time"),
        ],
        requires: ["tm"])

    private static func missing(
        _ name: String, _ type: ModuleParameterDeclaration.ValueType, _ reason: String
    ) -> ModuleParameterDeclaration {
        ModuleParameterDeclaration(name, type, availability: .missing(reason))
    }
}
