import Modules
import NIOSSL

/// The client domains of `tls_mgm` as the HTTP client takes them: the files are read when the module is bound.
enum TLSDomainSettings {
    /// - Throws: the domain whose files or ciphers are of no use.
    static func make(_ domain: TLSClientDomain, verifiesHost: Bool) throws(ModuleError) -> TLSConfiguration {
        var settings = TLSConfiguration.makeClientConfiguration()
        settings.certificateVerification =
            domain.verifiesPeer ? (verifiesHost ? .fullVerification : .noHostnameVerification) : .none
        if let version = domain.lowest { settings.minimumTLSVersion = version.library }
        if let version = domain.highest { settings.maximumTLSVersion = version.library }
        do {
            if let file = domain.certificateFile {
                settings.certificateChain = try NIOSSLCertificate.fromPEMFile(file).map { .certificate($0) }
            }
            if let file = domain.keyFile {
                settings.privateKey = .privateKey(try NIOSSLPrivateKey(file: file, format: .pem))
            }
            if let file = domain.authoritiesFile {
                settings.trustRoots = .certificates(try NIOSSLCertificate.fromPEMFile(file))
            }
            if let ciphers = domain.ciphers { settings.cipherSuites = ciphers }
            _ = try NIOSSLContext(configuration: settings)
        } catch {
            throw ModuleError("tls_mgm", "the domain `\(domain.name)` can't be used: \(error)")
        }
        return settings
    }
}

extension TLSClientDomain.Version {
    fileprivate var library: TLSVersion {
        switch self {
        case .tls10: .tlsv1
        case .tls12: .tlsv12
        case .tls13: .tlsv13
        }
    }
}
