import Bytes
import Location
import RouteRuntime

/// The parameters of `registrar`.
struct RegistrarSettings: Sendable {
    let addresses: UsrLocSettings
    let expiresDefault: Int
    let expiresMin: Int
    let expiresMax: Int
    let expiresDeviationMax: Int
    /// In thousandths; nil when the script sets none.
    let qDefault: Int?
    let contactsMax: Int
    let contactLengthMax: Int
    let retryAfter: Int
    let acceptsDuplicateCSeq: Bool
    let receivedAVP: ByteString?
    let receivedParameter: ByteString
    let attributesAVP: ByteString?
    let contactAVP: ByteString?
    let socketHeader: ByteString?
    /// The message flag that keeps a client's connection open for the life of its contacts; 0: none.
    let persistentMask: UInt32

    init(_ environment: ModuleEnvironment) throws(ModuleError) {
        let parameters = environment.parameters
        func number(_ name: String) -> Int { max(0, parameters.integer("registrar", name) ?? 0) }
        addresses = UsrLocSettings(parameters, flags: environment.flags)
        expiresDefault = number("default_expires")
        expiresMin = number("min_expires")
        expiresMax = number("max_expires")
        expiresDeviationMax = number("expires_max_deviation")
        qDefault = parameters.isSet("registrar", "default_q") ? min(number("default_q"), 1000) : nil
        contactsMax = number("max_contacts")
        contactLengthMax = number("max_contact_len")
        retryAfter = number("retry_after")
        acceptsDuplicateCSeq = parameters.isOn("registrar", "allow_dup_cseq")
        receivedAVP = try Self.avp(parameters, "received_avp")
        receivedParameter = parameters.text("registrar", "received_param") ?? "received"
        attributesAVP = try Self.avp(parameters, "attr_avp")
        contactAVP = try Self.avp(parameters, "mcontact_avp")
        socketHeader = parameters.text("registrar", "sock_hdr_name")
        persistentMask =
            parameters.text("registrar", "tcp_persistent_flag")
            .map { environment.flags.mask($0, of: .message) } ?? 0
        guard !parameters.isSet("registrar", "disable_gruu") || parameters.isOn("registrar", "disable_gruu") else {
            throw ModuleError("registrar", "disable_gruu", nil, "GRUUs (RFC 5627) are not generated; use 1")
        }
    }

    /// The name in `$avp(name)`.
    private static func avp(_ parameters: ModuleParameters, _ name: String) throws(ModuleError) -> ByteString? {
        guard let text = parameters.text("registrar", name) else { return nil }
        let trimmed = text.trimmed()
        guard trimmed.hasPrefix("$avp("), trimmed.last == UInt8(ascii: ")"), trimmed.count > 6 else {
            throw ModuleError("registrar", name, text, "it is not of the form $avp(name)")
        }
        return trimmed.slice(5..<(trimmed.count - 1)).compacted()
    }
}
