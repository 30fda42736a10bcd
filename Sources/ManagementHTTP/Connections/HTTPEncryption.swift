import Management
import NIOSSL

/// What connections over TLS need.
package struct HTTPEncryption: Hashable, Sendable {
    /// PEM: the server's certificate, and those that it rests on behind it.
    package var certificateFile: String
    /// PEM: its private key.
    package var keyFile: String
    /// Ciphers for TLS 1.2, with colons between them, of `cipherNames`; nil: the library's choice. TLS 1.3 has its own.
    package var ciphers: String?

    package init(certificateFile: String, keyFile: String, ciphers: String? = nil) {
        self.certificateFile = certificateFile
        self.keyFile = keyFile
        self.ciphers = ciphers
    }

    /// OpenSSL's names of the ciphers that may be asked for: those of TLS 1.2 that are sound.
    package static let cipherNames = [
        "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384",
        "ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-RSA-CHACHA20-POLY1305",
    ]

    /// Reads the files. TLS 1.2 and 1.3 are spoken; clients need no certificate.
    func context() throws(ManagementSetupError) -> NIOSSLContext {
        let chain: [NIOSSLCertificate]
        let key: NIOSSLPrivateKey
        do {
            chain = try NIOSSLCertificate.fromPEMFile(certificateFile)
        } catch {
            throw ManagementSetupError("tls_cert_file '\(certificateFile)' has no certificate in PEM: \(error)")
        }
        do {
            key = try NIOSSLPrivateKey(file: keyFile, format: .pem)
        } catch {
            throw ManagementSetupError("tls_key_file '\(keyFile)' has no private key in PEM: \(error)")
        }
        var settings = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key))
        settings.minimumTLSVersion = .tlsv12
        settings.applicationProtocols = ["http/1.1"]
        if let ciphers {
            // The library ends the program over a name that it does not know.
            for name in ciphers.split(separator: ":") where !Self.cipherNames.contains(String(name)) {
                throw ManagementSetupError(
                    "tls_ciphers has '\(name)'; possible are \(Self.cipherNames.joined(separator: ", "))")
            }
            settings.cipherSuites = ciphers
        }
        do {
            return try NIOSSLContext(configuration: settings)
        } catch {
            throw ManagementSetupError("TLS with '\(certificateFile)', '\(keyFile)' can't be: \(error)")
        }
    }
}
