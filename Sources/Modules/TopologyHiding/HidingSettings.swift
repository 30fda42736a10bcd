import Bytes

/// The parameters of `topology_hiding`.
struct HidingSettings: Sendable {
    /// Passwords that Contacts are read with.
    static let passwordsMax = 2

    struct Parameter: Sendable {
        let name: ByteString
        let text: HiddenText
    }

    let callIDPrefix: ByteString
    let callID: HiddenText
    /// Tells calls apart that come back with a Call-ID hidden already.
    let hidesTagInCallID: Bool
    let passedURIParameters: [ByteString]
    let passedParameters: [ByteString]
    let forcesDialog: Bool
    /// All that are read; `used` is the one that is written.
    let parameters: [Parameter]
    let used: Parameter
    let callerUserVariable: ByteString
    let calleeUserVariable: ByteString

    init(_ values: ModuleParameters) throws(ModuleError) {
        let module = "topology_hiding"
        callIDPrefix = values.text(module, "th_callid_prefix") ?? "DLGCH_"
        callID = HiddenText(password: values.text(module, "th_callid_passwd") ?? "OpenSIPS")
        hidesTagInCallID = values.isOn(module, "th_callid_loop_protection")
        func words(_ name: String) -> [ByteString] {
            (values.text(module, name) ?? .empty).split(at: ASCII.semicolon).map { $0.trimmed() }.filter { !$0.isEmpty }
        }
        passedURIParameters = words("th_passed_contact_uri_params")
        passedParameters = words("th_passed_contact_params")
        forcesDialog = values.isOn(module, "force_dialog")
        let scheme = values.text(module, "th_contact_encode_scheme") ?? "base64"
        let alphabet: HiddenText.Alphabet
        switch scheme.string {
        case "base64": alphabet = .base64
        case "base32": alphabet = .base32
        default: throw .value(module, "th_contact_encode_scheme", scheme)
        }
        var parameters = values.texts(module, "th_contact_encode_param_password").map { text in
            let parts = text.split(at: ASCII.colon)
            return Parameter(
                name: parts[0].trimmed(),
                text: HiddenText(password: parts.count > 1 ? parts[1] : "ToPoCtPaSS", alphabet: alphabet))
        }
        if parameters.isEmpty {
            parameters = [
                Parameter(
                    name: values.text(module, "th_contact_encode_param") ?? "thinfo",
                    text: HiddenText(
                        password: values.text(module, "th_contact_encode_passwd") ?? "ToPoCtPaSS", alphabet: alphabet))
            ]
        }
        guard parameters.count <= Self.passwordsMax else {
            throw ModuleError(
                "topology_hiding", "th_contact_encode_param_password", nil,
                "there are \(parameters.count), 2 are possible")
        }
        self.parameters = parameters
        if let name = values.text(module, "th_use_param") {
            guard let named = parameters.first(where: { $0.name == name }) else {
                throw .value(module, "th_use_param", name)
            }
            used = named
        } else {
            used = parameters[0]
        }
        callerUserVariable = values.text(module, "th_contact_caller_username_var") ?? .empty
        calleeUserVariable = values.text(module, "th_contact_callee_username_var") ?? .empty
    }
}

/// The letters of `topology_hiding()`.
struct HidingFlags: OptionSet, Sendable {
    let rawValue: UInt8

    init(rawValue: UInt8) { self.rawValue = rawValue }

    static let passesUser = HidingFlags(rawValue: 1)
    static let identifierAsUser = HidingFlags(rawValue: 2)
    static let hidesCallID = HidingFlags(rawValue: 4)
    static let keepsCallerContact = HidingFlags(rawValue: 8)
    static let keepsCalleeContact = HidingFlags(rawValue: 16)

    /// nil: a letter that is none.
    init?(_ text: ByteString) {
        self = []
        for letter in text.elements where letter != ASCII.comma && letter != ASCII.space {
            switch letter {
            case UInt8(ascii: "U"): insert(.passesUser)
            case UInt8(ascii: "D"): insert(.identifierAsUser)
            case UInt8(ascii: "C"): insert(.hidesCallID)
            case UInt8(ascii: "a"): insert(.keepsCallerContact)
            case UInt8(ascii: "A"): insert(.keepsCalleeContact)
            default: return nil
            }
        }
    }
}
