import Bytes
import RouteLanguage
import SIPMessage

/// `$au`, `$ar`, `$auth.…` of the credentials in the message, `$challenge.…` of the challenge in a reply.
enum AuthorizationVariables {
    static let all: [VariableDefinition] =
        VariableDefinition.readOnly("ar") { .init(credential($0, "realm")) }
        + VariableDefinition.readOnly("adu") { .init(credential($0, "uri")) }
        + VariableDefinition.readOnly("au") { .init(user($0.context.message)) }
        + VariableDefinition.readOnly("ad") { access in
            let (name, realm) = (credential(access, "username"), credential(access, "realm"))
            guard let name else { return .null }
            return Value(name.first(of: ASCII.at).map { name.dropFirst($0 + 1) } ?? realm)
        }
        + VariableDefinition.readOnly("aU") { .init(credential($0, "username")) }
        + VariableDefinition.readOnly("an", "auth.nonce") { .init(credential($0, "nonce")) }
        + VariableDefinition.readOnly("auth.resp") { .init(credential($0, "response")) }
        + VariableDefinition.readOnly("auth.cnonce") { .init(credential($0, "cnonce")) }
        + VariableDefinition.readOnly("auth.opaque") { .init(credential($0, "opaque")) }
        + VariableDefinition.readOnly("auth.alg") { .init(credential($0, "algorithm")) }
        + VariableDefinition.readOnly("auth.qop") { .init(credential($0, "qop")) }
        + VariableDefinition.readOnly("auth.nc") { .init(credential($0, "nc")) }
        + VariableDefinition.readOnly("Au") { access in
            if let name = user(access.context.message) { return .string(name) }
            return URIVariables.user(access.context.message.from?.uriText)
        }
        + VariableDefinition.readOnly("challenge.algorithm") { .init(challenge($0, "algorithm")) }
        + VariableDefinition.readOnly("challenge.realm") { .init(challenge($0, "realm")) }
        + VariableDefinition.readOnly("challenge.nonce") { .init(challenge($0, "nonce")) }
        + VariableDefinition.readOnly("challenge.opaque") { .init(challenge($0, "opaque")) }
        + VariableDefinition.readOnly("challenge.qop") { .init(challenge($0, "qop")) }
        + VariableDefinition.readOnly("challenge.ik") { .init(challenge($0, "ik")) }
        + VariableDefinition.readOnly("challenge.ck") { .init(challenge($0, "ck")) }

    /// The name without its domain.
    private static func user(_ message: Message) -> ByteString? {
        guard let name = value(message, [.authorization, .proxyAuthorization], "username") else { return nil }
        let end = name.first(of: ASCII.at) ?? name.count
        return name.prefix(end)
    }

    private static func credential(_ access: borrowing VariableAccess, _ name: StaticString) -> ByteString? {
        value(access.context.message, [.authorization, .proxyAuthorization], name)
    }

    private static func challenge(_ access: borrowing VariableAccess, _ name: StaticString) -> ByteString? {
        value(access.context.message, [.wwwAuthenticate, .proxyAuthenticate], name)
    }

    private static func value(_ message: Message, _ ids: [HeaderID], _ name: StaticString) -> ByteString? {
        for id in ids {
            guard let text = message.value(id), let credentials = Credentials(text) else { continue }
            return credentials.value(name)
        }
        return nil
    }
}
