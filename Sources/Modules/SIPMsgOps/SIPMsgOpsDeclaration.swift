package import RouteLanguage

extension ModuleDeclaration {
    /// `sipmsgops`: headers, body parts and SDP of a message.
    package static let sipmsgops = ModuleDeclaration(
        "sipmsgops", functions: headerFunctions + requestURIFunctions + bodyFunctions + sdpFunctions)

    private static let headerFunctions = [
        FunctionDeclaration("append_to_reply", [.string("txt")], routes: replyBuildingRoutes),
        FunctionDeclaration("append_body_to_reply", [.string("txt")], routes: replyBuildingRoutes),
        FunctionDeclaration("append_hf", [.string("txt"), .string("hdr", optional: true)], routes: .ofMessages),
        FunctionDeclaration("insert_hf", [.string("txt"), .string("hdr", optional: true)], routes: .ofMessages),
        FunctionDeclaration(
            "append_urihf", [.string("prefix"), .string("suffix")], routes: [.request, .failure, .branch]),
        FunctionDeclaration("is_present_hf", [.string("hf_name")], routes: .ofMessages),
        FunctionDeclaration("append_time", routes: .ofRequests),
        FunctionDeclaration("is_method", [.string("name").following(ScriptWords.methods)], routes: .ofMessages),
        FunctionDeclaration("remove_hf", [.string("hname")], routes: .ofMessages),
        FunctionDeclaration("remove_hf_re", [.regularExpression("pattern")], routes: .ofMessages),
        FunctionDeclaration("remove_hf_glob", [.string("pattern")], routes: .ofMessages),
        FunctionDeclaration("has_totag", routes: .ofMessages),
        FunctionDeclaration("is_privacy", [.string("privacy_type")], routes: .ofMessages),
        FunctionDeclaration(
            "sipmsg_validate",
            [
                .string("flags", optional: true).following(ScriptWords.validationFlags),
                .output("reason", optional: true),
            ],
            routes: .ofMessages),
        FunctionDeclaration("change_reply_status", [.integer("code"), .string("reason")], routes: [.onreply]),
        FunctionDeclaration("list_hdr_has_option", [.string("hdr_name"), .string("option")], routes: .ofMessages),
        FunctionDeclaration("list_hdr_add_option", [.string("hdr_name"), .string("option")], routes: .ofMessages),
        FunctionDeclaration("list_hdr_remove_option", [.string("hdr_name"), .string("option")], routes: .ofMessages),
        FunctionDeclaration(
            "get_glob_headers_values", [.string("hdr_name_glob"), .output("names"), .output("values")],
            routes: .ofMessages),
        FunctionDeclaration("sip_to_json", [.output("json")], routes: .ofMessages),
    ]

    private static let requestURIFunctions = [
        FunctionDeclaration(
            "ruri_has_param", [.string("param"), .string("value", optional: true)], routes: .ofRequests),
        FunctionDeclaration("ruri_add_param", [.string("param")], routes: .ofRequests),
        FunctionDeclaration("ruri_del_param", [.string("param")], routes: .ofRequests),
        FunctionDeclaration("ruri_tel2sip", routes: .ofRequests),
        FunctionDeclaration("is_uri_user_e164", [.string("uri")], routes: .ofMessages),
    ]

    private static let bodyFunctions = [
        FunctionDeclaration("has_body_part", [.string("mime", optional: true)], routes: .ofMessages),
        FunctionDeclaration(
            "remove_body_part",
            [.string("mime", optional: true), .string("revert", optional: true).following(ScriptWords.revert)],
            routes: .ofMessages),
        FunctionDeclaration(
            "add_body_part", [.string("body"), .string("mime"), .string("headers", optional: true)],
            routes: .ofMessages),
        FunctionDeclaration(
            "get_updated_body_part", [.string("mime", optional: true), .output("body")], routes: .ofMessages),
    ]

    private static let sdpFunctions =
        [
            FunctionDeclaration("is_audio_on_hold", routes: .ofMessages),
            FunctionDeclaration(
                "stream_exists",
                [.regularExpression("media"), .regularExpression("transport", optional: true)], routes: .ofMessages),
            FunctionDeclaration(
                "stream_delete",
                [.regularExpression("media"), .regularExpression("transport", optional: true)], routes: .ofMessages),
        ]
        + ["codec_exists", "codec_delete", "codec_move_up", "codec_move_down"].map {
            FunctionDeclaration($0, [.string("name"), .string("clock", optional: true)], routes: .ofMessages)
        }
        + [
            "codec_exists_re", "codec_delete_re", "codec_delete_except_re", "codec_move_up_re", "codec_move_down_re",
        ].map {
            FunctionDeclaration($0, [.regularExpression("pattern")], routes: .ofMessages)
        }

    private static let replyBuildingRoutes: RouteKinds = [.request, .failure, .branch, .error]
}
