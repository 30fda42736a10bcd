package import Bytes
package import RouteRuntime

/// `uac_auth` at work: finds credentials by realm, those in AVPs before those of the script's parameters. Immutable.
package struct UACAuthModule: Sendable {
    /// Credentials that a script may list.
    package static let credentialsMax = 4096

    private let credentials: [ByteString: UACCredential]
    private let names: (realm: ByteString, user: ByteString, password: ByteString)?

    init(_ environment: ModuleEnvironment) throws(ModuleError) {
        let parameters = environment.parameters
        var credentials: [ByteString: UACCredential] = [:]
        for (index, text) in parameters.texts("uac_auth", "credential").enumerated() {
            guard let credential = UACCredential(text) else {
                // The value holds a secret: neither it nor its line is shown.
                throw ModuleError("uac_auth", "credential number \(index + 1) is not user:realm:password")
            }
            if credentials[credential.realm] == nil { credentials[credential.realm] = credential }
        }
        guard credentials.count <= Self.credentialsMax else {
            throw ModuleError("uac_auth", "\(credentials.count) credentials; at most \(Self.credentialsMax)")
        }
        self.credentials = credentials
        let realm = try parameters.avpName("uac_auth", "auth_realm_avp")
        let user = try parameters.avpName("uac_auth", "auth_username_avp")
        let password = try parameters.avpName("uac_auth", "auth_password_avp")
        if let realm, let user, let password {
            names = (realm, user, password)
        } else if realm == nil, user == nil, password == nil {
            names = nil
        } else {
            throw ModuleError("uac_auth", "auth_realm_avp, auth_username_avp and auth_password_avp go together")
        }
    }

    /// The credentials for a realm; nil when there are none. `avps` are those of the transaction, nil where there is none.
    package func credential(for realm: ByteString, avps: AVPStore?) -> UACCredential? {
        if let names, let avps, let named = avps.value(names.realm)?.text, named == realm,
            let user = avps.value(names.user)?.text, let password = avps.value(names.password)?.text
        {
            return UACCredential(realm: realm, user: user, password: password)
        }
        return credentials[realm]
    }

    /// Sixteen hex digits from the system's random numbers.
    static func makeClientNonce() -> ByteString {
        var writer = ByteWriter(reserving: 16)
        writer.append(hex: UInt64.random(in: .min ... .max), digits: 16)
        return writer.finishText()
    }
}

extension ModuleParameters {
    /// The name of the AVP that a parameter names as `$avp(name)`; nil when it is not set.
    func avpName(_ module: String, _ name: String) throws(ModuleError) -> ByteString? {
        guard let text = text(module, name) else { return nil }
        guard text.hasPrefixIgnoringCase("$avp("), text.last == UInt8(ascii: ")"), text.count > 6 else {
            throw ModuleError.value(module, name, text)
        }
        return text.slice(5..<(text.count - 1)).trimmed().compacted()
    }
}
