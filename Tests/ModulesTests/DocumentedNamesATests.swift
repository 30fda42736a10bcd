import Modules
import RouteLanguage
import Testing

/// What the peer's documentation lists of `signaling`, `sl`, `tm`, `rr`, `maxfwd`, `sipmsgops`, `textops` and `options`:
/// every name is declared, working or as missing with a reason, and takes what is documented.
@Suite struct DocumentedNamesATests {
    struct Function: CustomTestStringConvertible, Sendable {
        let module: String
        let name: String
        /// `s` text, `i` number, `v` variable for a result; `?` may be left out.
        let parameters: String
        /// The block kinds that the documentation names; none where it names none.
        let routes: RouteKinds
        var testDescription: String { "\(module): \(name)" }

        init(_ module: String, _ name: String, _ parameters: String, _ routes: RouteKinds) {
            self.module = module
            self.name = name
            self.parameters = parameters
            self.routes = routes
        }
    }

    private static let request: RouteKinds = [.request]
    private static let requestOrError: RouteKinds = [.request, .error]
    private static let requestOrFailure: RouteKinds = [.request, .failure]
    private static let recording: RouteKinds = [.request, .failure, .branch]
    private static let replying: RouteKinds = [.request, .failure, .branch, .error]
    private static let requests: RouteKinds = [.request, .failure, .branch, .local]
    private static let relayed: RouteKinds = [.request, .failure, .branch, .onreply]
    private static let messages: RouteKinds = [.request, .failure, .branch, .onreply, .local]

    static let replies = [
        Function("signaling", "send_reply", "i s", requestOrError),
        Function("sl", "sl_send_reply", "i s", requestOrError),
        Function("sl", "sl_reply_error", "", request),
        Function("options", "options_reply", "", request),
        Function("maxfwd", "mf_process_maxfwd_header", "i", request),
        Function("maxfwd", "is_maxfwd_lt", "i", request),
    ]

    static let routing = [
        Function("rr", "loose_route", "", request),
        Function("rr", "record_route", "s?", recording),
        Function("rr", "record_route_preset", "s s?", recording),
        Function("rr", "add_rr_param", "s", recording),
        Function("rr", "check_route_param", "s", request),
        Function("rr", "is_direction", "s", request),
    ]

    static let transactions = [
        Function("tm", "t_relay", "s? s?", requestOrFailure),
        Function("tm", "t_reply", "i s", requestOrFailure),
        Function("tm", "t_reply_with_body", "i s s", requestOrFailure),
        Function("tm", "t_newtran", "", request),
        Function("tm", "t_check_trans", "", [.request, .branch]),
        Function("tm", "t_check_status", "s", relayed),
        Function("tm", "t_local_replied", "s", relayed),
        Function("tm", "t_was_cancelled", "", [.onreply, .failure]),
        Function("tm", "t_cancel_branch", "s?", [.onreply]),
        Function("tm", "t_new_request", "s s s s s? s?", .all),
        Function("tm", "t_on_failure", "s", relayed),
        Function("tm", "t_on_reply", "s", relayed),
        Function("tm", "t_on_branch", "s", relayed),
        Function("tm", "t_inject_branches", "s s?", .all),
        Function("tm", "t_wait_for_new_branches", "i?", relayed),
        Function("tm", "t_wait_no_more_branches", "", relayed),
        Function("tm", "t_add_hdrs", "s", relayed),
        Function("tm", "t_add_cancel_reason", "s", request),
        Function("tm", "t_replicate", "s s?", request),
        Function("tm", "t_write_req", "s s", recording),
        Function("tm", "t_write_unix", "s s", recording),
        Function("tm", "t_flush_flags", "", [.request, .branch]),
        Function("tm", "t_anycast_replicate", "", request),
        Function("tm", "t_reply_by_callid", "i s s? s?", request),
        Function("tm", "t_get_branch_idx_by_attr", "s s? i? v? i?", [.onreply, .branch, .failure]),
    ]

    static let headers = [
        Function("sipmsgops", "append_to_reply", "s", replying),
        Function("sipmsgops", "append_body_to_reply", "s", replying),
        Function("sipmsgops", "append_hf", "s s?", messages),
        Function("sipmsgops", "insert_hf", "s s?", messages),
        Function("sipmsgops", "append_urihf", "s s", recording),
        Function("sipmsgops", "is_present_hf", "s", messages),
        Function("sipmsgops", "append_time", "", requests),
        Function("sipmsgops", "is_method", "s", messages),
        Function("sipmsgops", "remove_hf", "s", messages),
        Function("sipmsgops", "remove_hf_re", "s", messages),
        Function("sipmsgops", "remove_hf_glob", "s", messages),
        Function("sipmsgops", "has_totag", "", messages),
        Function("sipmsgops", "ruri_has_param", "s s?", requests),
        Function("sipmsgops", "ruri_add_param", "s", requests),
        Function("sipmsgops", "ruri_del_param", "s", requests),
        Function("sipmsgops", "ruri_tel2sip", "", requests),
        Function("sipmsgops", "is_uri_user_e164", "s", [.request, .failure, .local]),
        Function("sipmsgops", "is_privacy", "s", messages),
        Function("sipmsgops", "sipmsg_validate", "s? v?", relayed),
        Function("sipmsgops", "change_reply_status", "i s", [.onreply]),
        Function("sipmsgops", "list_hdr_has_option", "s s", messages),
        Function("sipmsgops", "list_hdr_add_option", "s s", messages),
        Function("sipmsgops", "list_hdr_remove_option", "s s", messages),
        Function("sipmsgops", "get_glob_headers_values", "s v v", messages),
        Function("sipmsgops", "sip_to_json", "v", messages),
    ]

    static let bodies =
        [
            Function("sipmsgops", "has_body_part", "s?", messages),
            Function("sipmsgops", "is_audio_on_hold", "", messages),
            Function("sipmsgops", "remove_body_part", "s? s?", messages),
            Function("sipmsgops", "add_body_part", "s s s?", messages),
            Function("sipmsgops", "get_updated_body_part", "s? v", messages),
            Function("sipmsgops", "stream_exists", "s s?", messages),
            Function("sipmsgops", "stream_delete", "s s?", messages),
            Function("sipmsgops", "codec_delete_except_re", "s", messages),
        ]
        + ["codec_exists", "codec_delete", "codec_move_up", "codec_move_down"].flatMap {
            [Function("sipmsgops", $0, "s s?", messages), Function("sipmsgops", $0 + "_re", "s", messages)]
        }

    static let texts =
        ["search", "search_body", "subst", "subst_uri", "subst_user", "subst_body"].map {
            Function("textops", $0, "s", relayed)
        }
        + [
            "search_append", "search_append_body", "replace", "replace_body", "replace_all", "replace_body_all",
            "replace_body_atonce",
        ].map { Function("textops", $0, "s s", relayed) }

    @Test(arguments: [replies, routing, transactions, headers, bodies, texts].flatMap { $0 })
    func functionIsDeclared(_ documented: Function) throws {
        let module = try #require(ModuleLibrary.catalogue.module(documented.module))
        let found = try #require(module.functions.first { $0.name == documented.name })
        #expect(found.parameters.map(\.notation).joined(separator: " ") == documented.parameters)
        #expect(found.routes.isSuperset(of: documented.routes))
        #expect(found.availability.isExplained)
    }

    /// `(name)` behind those that take one, `=` behind those that can be written, `[]` behind those with an index.
    static let variables: [(String, [String])] = [
        ("signaling", ["sig_local_totag"]),
        ("rr", ["rr_params"]),
        (
            "tm",
            [
                "T_branch_idx", "T_reply_code", "T_fr_timeout=", "T_fr_inv_timeout=", "T_ruri", "bavp(name)=", "T_id",
                "T_branch_last_reply_code(name?)", "tm.branch.uri[]", "tm.branch.duri[]", "tm.branch.path[]",
                "tm.branch.q[]", "tm.branch.flags[]", "tm.branch.socket[]", "tm.branch.flag(name)[]=",
                "tm.branch.attr(name)[]=", "tm.branch.last_received[]", "tm.branch.type[]",
            ]
        ),
        ("sl", []), ("maxfwd", []), ("sipmsgops", []), ("textops", []), ("options", []),
    ]

    @Test(arguments: variables)
    func variablesAreDeclared(of name: String, documented: [String]) throws {
        let module = try #require(ModuleLibrary.catalogue.module(name))
        #expect(module.variables.map(\.notation).sorted() == documented.sorted())
        #expect(module.variables.allSatisfy { $0.availability.isExplained })
    }

    /// `i` a number, `s` text, `si` either.
    static let moduleParameters: [(String, [String])] = [
        ("signaling", []), ("sipmsgops", []), ("textops", []),
        ("sl", ["enable_stats:i"]),
        ("rr", ["append_fromtag:i", "enable_double_rr:i", "add_username:i", "enable_socket_mismatch_warning:i"]),
        ("maxfwd", ["max_limit:i"]),
        ("options", ["accept:s", "accept_encoding:s", "accept_language:s", "support:s"]),
        (
            "tm",
            [
                "fr_timeout:i", "fr_inv_timeout:i", "wt_timer:i", "delete_timer:i", "T1_timer:i", "T2_timer:i",
                "ruri_matching:i", "via1_matching:i", "unix_tx_timeout:i", "restart_fr_on_each_reply:i", "tw_append:s",
                "pass_provisional_replies:i", "syn_branch:i", "onreply_avp_mode:i", "disable_6xx_block:i",
                "enable_stats:i", "minor_branch_flag:si", "timer_partitions:i", "auto_100trying:i",
                "tm_replication_cluster:i", "cluster_param:s", "cluster_auto_cancel:i", "local_request_route:s",
                "local_reply_route:s",
            ]
        ),
    ]

    @Test(arguments: moduleParameters)
    func parametersAreDeclared(of name: String, documented: [String]) throws {
        let module = try #require(ModuleLibrary.catalogue.module(name))
        #expect(module.parameters.map(\.notation).sorted() == documented.sorted())
        #expect(module.parameters.allSatisfy { $0.availability.isExplained })
    }
}

extension ParameterSpec {
    fileprivate var notation: String {
        let letter =
            switch kind {
            case .string, .stringOrInteger, .regularExpression, .substitution, .routeName: "s"
            case .integer: "i"
            case .variable, .inputVariable: "v"
            }
        return isOptional ? letter + "?" : letter
    }
}

extension VariableDeclaration {
    fileprivate var notation: String {
        let parentheses =
            switch inner {
            case .none: ""
            case .optional: "(name?)"
            case .required: "(name)"
            }
        return name + parentheses + (isIndexable ? "[]" : "") + (isWritable ? "=" : "")
    }
}

extension ModuleParameterDeclaration {
    fileprivate var notation: String {
        switch type {
        case .integer: name + ":i"
        case .string: name + ":s"
        case .any: name + ":si"
        }
    }
}

extension Availability {
    /// There, or missing with words that help.
    fileprivate var isExplained: Bool {
        switch self {
        case .available: true
        case .missing(let reason): !reason.isEmpty
        }
    }
}
