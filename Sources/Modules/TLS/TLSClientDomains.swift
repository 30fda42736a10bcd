package import Bytes

/// A client domain of `tls_mgm`: what a connection that the server makes is to use. Nothing of it is read here.
package struct TLSClientDomain: Sendable, Equatable {
    package enum Version: Int, Sendable, CaseIterable {
        case tls10
        case tls12
        case tls13
    }

    package let name: ByteString
    /// PEM files; the two come together.
    package var certificateFile: String?
    package var keyFile: String?
    /// PEM file of those that are trusted; nil: the system's.
    package var authoritiesFile: String?
    package var verifiesPeer = true
    package var lowest: Version?
    package var highest: Version?
    /// For TLS 1.2, of `cipherNames` with colons between them; nil: the library's choice.
    package var ciphers: String?

    /// OpenSSL's names of the ciphers that may be asked for: those of TLS 1.2 that are sound. The library ends the program over a name
    /// that it does not know.
    static let cipherNames: Set = [
        "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384",
        "ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-RSA-CHACHA20-POLY1305",
    ]
}

/// The client domains that a script defines.
struct TLSClientDomains {
    /// In the order of the script.
    private(set) var all: [TLSClientDomain]

    private typealias Change = (inout TLSClientDomain, String) -> Bool

    init(_ parameters: ModuleParameters) throws(ModuleError) {
        all = parameters.texts("tls_mgm", "client_domain").map { TLSClientDomain(name: $0) }
        let library = parameters.text("tls_mgm", "tls_library") ?? "auto"
        guard ["auto", "none", "openssl", "wolfssl"].contains(library) else {
            throw .value("tls_mgm", "tls_library", library)
        }
        try apply(parameters, "certificate") {
            $0.certificateFile = $1; return true
        }
        try apply(parameters, "private_key") {
            $0.keyFile = $1; return true
        }
        try apply(parameters, "ca_list") {
            $0.authoritiesFile = $1; return true
        }
        try apply(parameters, "ciphers_list") { domain, text in
            domain.ciphers = text
            let names = text.split(separator: ":")
            return !names.isEmpty && names.allSatisfy { TLSClientDomain.cipherNames.contains(String($0)) }
        }
        try apply(parameters, "verify_cert") { domain, text in
            domain.verifiesPeer = text != "0"
            return text == "0" || text == "1"
        }
        try apply(parameters, "tls_method") { Self.setVersions(&$0, $1) }
        for domain in all where (domain.certificateFile == nil) != (domain.keyFile == nil) {
            throw ModuleError("tls_mgm", "the domain `\(domain.name)` has one of certificate and private_key: set both")
        }
    }

    /// Every value is `[domain]value`.
    private mutating func apply(
        _ parameters: ModuleParameters, _ name: String, _ change: Change
    ) throws(ModuleError) {
        for text in parameters.texts("tls_mgm", name) {
            guard text.first == UInt8(ascii: "["), let end = text.first(of: UInt8(ascii: "]")) else {
                throw ModuleError("tls_mgm", name, text, "write it as [domain]value")
            }
            let domain = text[1..<end]
            guard let index = all.firstIndex(where: { $0.name == domain }) else {
                throw ModuleError("tls_mgm", name, text, "there is no client_domain `\(domain)`")
            }
            guard change(&all[index], text.dropFirst(end + 1).trimmed().string) else {
                throw ModuleError.value("tls_mgm", name, text)
            }
        }
    }

    /// `TLSv1_2`, `SSLv23` (anything), or a range such as `TLSv1-TLSv1_3`, `TLSv1_2-`, `-`.
    private static func setVersions(_ domain: inout TLSClientDomain, _ text: String) -> Bool {
        func version(_ text: Substring) -> TLSClientDomain.Version? {
            switch text.lowercased() {
            case "tlsv1": .tls10
            case "tlsv1_2": .tls12
            case "tlsv1_3": .tls13
            default: nil
            }
        }
        if text.lowercased() == "sslv23" { return true }
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count <= 2 else { return false }
        let ends = parts.map { $0.filter { $0 != " " }[...] }
        (domain.lowest, domain.highest) = (version(ends[0]), version(ends[ends.count - 1]))
        let areKnown = ends.allSatisfy { $0.isEmpty || version($0) != nil } && (ends.count == 2 || !ends[0].isEmpty)
        return areKnown && (domain.lowest?.rawValue ?? 0) <= (domain.highest?.rawValue ?? .max)
    }
}
