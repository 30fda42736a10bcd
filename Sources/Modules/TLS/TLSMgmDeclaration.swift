package import RouteLanguage

extension ModuleDeclaration {
    /// `tls_mgm`: names for the TLS settings of connections that the server makes, for modules that speak TLS (`rest_client`).
    package static let tlsMgm = ModuleDeclaration(
        "tls_mgm",
        functions: [FunctionDeclaration("is_peer_verified", availability: sip)],
        variables: variableNames.map { VariableDeclaration($0, availability: sip) },
        parameters: [
            .string("tls_library", "auto"), .string("client_domain"), .string("tls_method"), .string("certificate"),
            .string("private_key"), .string("ca_list"), .string("verify_cert"), .string("ciphers_list"),
        ] + missing)

    private static let sip = Availability.missing("SIP is spoken over UDP and TCP; TLS is there for rest_client only")

    private static let variableNames: [String] = {
        let parts = "version serial san_email san_hostname san_uri san_ip".words
        let owners = ["subject", "issuer"].flatMap { owner -> [String] in
            ["", "_cn", "_locality", "_country", "_state", "_organization", "_unit"].map { owner + $0 }
        }
        let certificates = ["tls_peer_", "tls_my_"].flatMap { side -> [String] in (parts + owners).map { side + $0 } }
        let connection =
            "tls_version tls_description tls_cipher_info tls_cipher_bits tls_peer_verified tls_peer_revoked".words
        return connection + "tls_peer_expired tls_peer_selfsigned tls_peer_notBefore tls_peer_notAfter".words
            + certificates
    }()

    private static let missing: [ModuleParameterDeclaration] = {
        func all(_ names: [String], _ availability: Availability) -> [ModuleParameterDeclaration] {
            names.map { ModuleParameterDeclaration($0, .any, availability: availability) }
        }
        let columns: [String] =
            "domain match_ip_address match_sip_domain tls_method verify_cert require_cert certificate private_key".words
            + "crl_check_all crl_dir ca_list ca_dir cipher_list dh_params ec_curve".words
        var found = all("server_domain require_cert match_ip_address match_sip_domain".words, sip)
        found += all(["client_tls_domain_avp", "client_sip_domain_avp"], sip)
        found += all(["dh_params", "ec_curve"], .missing("the TLS library chooses; leave it out"))
        found += all(["ca_dir"], .missing("put the certificates in a ca_list"))
        found += all(["crl_dir", "crl_check_all"], .missing("revocation lists are not read"))
        found += all(
            ["db_url", "db_table"] + columns.map { $0 + "_col" },
            .missing("there is no database; define domains with client_domain"))
        return found
    }()
}

extension String {
    fileprivate var words: [String] { split(separator: " ").map(String.init) }
}
