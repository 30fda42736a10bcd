package import RouteLanguage

extension ModuleDeclaration {
    /// `topology_hiding`: each side of a call sees this server only.
    package static let topologyHiding = ModuleDeclaration(
        "topology_hiding",
        functions: [
            FunctionDeclaration(
                "topology_hiding", [.string("flags", optional: true), .string("usernames", optional: true)],
                routes: [.request]),
            FunctionDeclaration(
                "topology_hiding_match",
                [.string("dlg_match_mode", optional: true).following(ScriptWords.dialogMatching)], routes: [.request]),
        ],
        variables: [VariableDeclaration("TH_callee_callid")],
        parameters: [
            .string("th_callid_passwd", "OpenSIPS"),
            .string("th_callid_prefix", "DLGCH_"),
            .string("th_passed_contact_uri_params"),
            .string("th_passed_contact_params"),
            .integer("force_dialog", 0),
            .string("th_contact_encode_passwd", "ToPoCtPaSS"),
            .string("th_contact_encode_param", "thinfo"),
            .string("th_contact_encode_param_password"),
            .string("th_use_param"),
            .string("th_contact_encode_scheme", "base64"),
            .string("th_contact_caller_username_var", "_th_contact_caller_username_var_"),
            .string("th_contact_callee_username_var", "_th_contact_callee_username_var_"),
            .integer("th_callid_loop_protection", 0),
            missing(
                "th_internal_trusted_tag",
                "everybody is hidden from everybody; call topology_hiding() where it is wanted"),
            missing("th_external_socket_tag", "the listener is read from the Contact; leave it out"),
            missing("th_auto_route_on_trusted_socket", "the listener is read from the Contact; leave it out"),
        ], requires: ["tm"])

    private static func missing(_ name: String, _ reason: String) -> ModuleParameterDeclaration {
        ModuleParameterDeclaration(name, .any, availability: .missing(reason))
    }
}
