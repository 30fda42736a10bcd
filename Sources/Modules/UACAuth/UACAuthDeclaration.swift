package import RouteLanguage

extension ModuleDeclaration {
    /// `uac_auth`: the credentials with which this server answers challenges.
    package static let uacAuth = ModuleDeclaration(
        "uac_auth",
        parameters: [
            .string("credential"), .string("auth_realm_avp"), .string("auth_username_avp"),
            .string("auth_password_avp"),
        ])
}
