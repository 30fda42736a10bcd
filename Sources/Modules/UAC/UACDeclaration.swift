package import RouteLanguage

extension ModuleDeclaration {
    /// `uac`: other From and To on the way, and answers to challenges.
    package static let uac = ModuleDeclaration(
        "uac",
        functions: [
            FunctionDeclaration("uac_replace_from", replacing, routes: [.request, .branch, .failure]),
            FunctionDeclaration("uac_replace_to", replacing, routes: [.request, .branch, .failure]),
            FunctionDeclaration("uac_restore_from", routes: [.request]),
            FunctionDeclaration("uac_restore_to", routes: [.request]),
            FunctionDeclaration("uac_auth", [.string("algorithms", optional: true)], routes: [.failure]),
            FunctionDeclaration("uac_inc_cseq", [.integer("cseq")], routes: [.request, .branch, .failure]),
        ],
        parameters: [
            .string("restore_mode", "auto").following(restoreModes),
            .string("restore_passwd"),
            .string("rr_from_store_param", "vsf"),
            .string("rr_to_store_param", "vst"),
            .integer("force_dialog", 0),
        ],
        requires: ["tm", "uac_auth"])

    private static let replacing: [ParameterSpec] = [.string("display", optional: true), .string("uri")]

    private static let restoreModes: ConstantRule = ConstantRule(["none", "manual", "auto"])
}
