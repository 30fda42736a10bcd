import Bytes
import JSONRPC
import Management
import Modules

/// `tls_mgm:*`: the client domains that the script defines.
enum TLSCommands {
    static func register(in registry: inout CommandRegistry, _ domains: [TLSClientDomain]) {
        registry.add("tls_mgm:list", aliases: ["tls_list"], "Lists the TLS domains.") { _ in
            ["Domains": .array(domains.map { .object(listing($0)) })]
        }
        MissingCommands.missing(
            "tls_mgm:reload", ["tls_reload"], [[]], "there is no database; domains are the script's, read at the start",
            in: &registry)
    }

    private static func listing(_ domain: TLSClientDomain) -> JSONObject {
        func text(_ value: String?) -> JSONValue { value.map { .string($0) } ?? .null }
        return [
            "Name": .string(domain.name.string), "Type": "client", "Verify": .bool(domain.verifiesPeer),
            "Certificate": text(domain.certificateFile), "Key": text(domain.keyFile),
            "CA list": text(domain.authoritiesFile), "Ciphers": text(domain.ciphers),
            "Lowest version": text(domain.lowest?.name), "Highest version": text(domain.highest?.name),
        ]
    }
}

extension TLSClientDomain.Version {
    /// As `tls_method` has it.
    fileprivate var name: String {
        switch self {
        case .tls10: "TLSv1"
        case .tls12: "TLSv1_2"
        case .tls13: "TLSv1_3"
        }
    }
}
