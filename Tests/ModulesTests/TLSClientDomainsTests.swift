import Bytes
import Testing

@testable import Modules
@testable import RouteLanguage

/// What the parameters of `tls_mgm` say of client domains.
struct TLSClientDomainsTests {
    private static func domains(_ values: [(String, String)]) throws(ModuleError) -> [TLSClientDomain] {
        try TLSClientDomains(
            ModuleParameters(
                values.map {
                    ModuleParameterValue(
                        module: "tls_mgm", name: $0.0, value: .string(Array($0.1.utf8)), location: .none)
                })
        ).all
    }

    @Test func valuesBelongToTheDomainThatTheyName() throws {
        let domains = try Self.domains([
            ("client_domain", "a"), ("client_domain", "b"), ("certificate", "[b]/b.pem"), ("private_key", "[b]/b.key"),
            ("ca_list", "[a]/ca.pem"), ("verify_cert", "[a]0"), ("ciphers_list", "[a]ECDHE-RSA-AES128-GCM-SHA256"),
        ])
        var (first, second) = (TLSClientDomain(name: "a"), TLSClientDomain(name: "b"))
        (first.authoritiesFile, first.verifiesPeer, first.ciphers) = ("/ca.pem", false, "ECDHE-RSA-AES128-GCM-SHA256")
        (second.certificateFile, second.keyFile) = ("/b.pem", "/b.key")
        #expect(domains == [first, second])
    }

    @Test(arguments: [
        ("TLSv1_2", TLSClientDomain.Version.tls12, TLSClientDomain.Version.tls12), ("tlsv1-TLSv1_3", .tls10, .tls13),
        ("TLSv1_2-", .tls12, nil), ("-TLSv1_2", nil, .tls12), ("-", nil, nil), ("SSLv23", nil, nil),
    ])
    func versions(text: String, lowest: TLSClientDomain.Version?, highest: TLSClientDomain.Version?) throws {
        let domain = try #require(try Self.domains([("client_domain", "a"), ("tls_method", "[a]" + text)]).first)
        #expect(domain.lowest == lowest && domain.highest == highest)
    }

    @Test(arguments: [
        ("tls_method", "[a]TLSv2"), ("tls_method", "[a]"), ("tls_method", "[a]TLSv1_3-TLSv1"), ("tls_method", "[a]-x-"),
        ("certificate", "/no/domain"), ("certificate", "[other]/x"), ("certificate", "[a]/x"), ("verify_cert", "[a]2"),
        ("tls_library", "none at all"), ("ciphers_list", "[a]NO-SUCH"), ("ciphers_list", "[a]"),
    ])
    func whatCannotBeIsRefused(name: String, value: String) {
        #expect(throws: ModuleError.self) { try Self.domains([("client_domain", "a"), (name, value)]) }
    }
}
