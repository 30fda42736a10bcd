import Bytes
import RouteLanguage
import SIPMessage

/// Variables that read header fields: `$hdr`, `$ct`, `$fu`, `$tu`, `$ci`, …
enum HeaderVariables {
    static let all: [VariableDefinition] =
        [header, headerCount, contactFields] + plain + fromAndTo + identities

    private static let plain: [VariableDefinition] =
        VariableDefinition.readOnly("ci") { .init($0.context.message.value(.callID)) }
        + VariableDefinition.readOnly("cl") { number($0.context.message, .contentLength) }
        + VariableDefinition.readOnly("cs") { access in
            access.context.message.cseq.map { .decimal(Int($0.number)) } ?? .null
        }
        + VariableDefinition.readOnly("ua") { .init($0.context.message.value(.userAgent)) }
        + VariableDefinition.readOnly("ct", indexable: true) { access in
            access.select(elements(.contact, access.context.message))
        }
        + VariableDefinition.readOnly("path") { access in
            access.context.path.map { .string($0) } ?? Value(access.context.message.value(.path))
        }
        + VariableDefinition.readOnly("hdr_name", indexable: true) { access in
            let message = access.context.message
            return access.select(message.headers.map { message.text($0.name) })
        }

    private static func number(_ message: Message, _ id: HeaderID) -> Value {
        guard let text = message.value(id) else { return .null }
        return text.decimal().map { .decimal($0) } ?? .string(text)
    }

    // MARK: $hdr

    /// The token is the header's id; names that are not known are looked up by text.
    private static let header = VariableDefinition(
        VariableDeclaration("hdr", inner: .required, isIndexable: true),
        prepare: { Int(HeaderID(name: $0).rawValue) }
    ) { access in
        let message = access.context.message
        if access.index == .none || access.index == .at(0) {
            return first(access).map { .string(message.unfoldedValue(of: $0)) } ?? .null
        }
        return access.select(fields(access).map { message.unfoldedValue(of: $0) })
    }

    private static let headerCount = VariableDefinition(
        VariableDeclaration("hdrcnt", inner: .required), prepare: { Int(HeaderID(name: $0).rawValue) }
    ) { access in
        .decimal(fields(access).count)
    }

    private static func id(_ token: Int) -> HeaderID { HeaderID(rawValue: UInt8(truncatingIfNeeded: token)) ?? .other }

    private static func first(_ access: borrowing VariableAccess) -> HeaderField? {
        let id = id(access.token)
        if id != .other { return access.context.message.first(id) }
        return access.context.message.first(named: access.inner ?? .empty)
    }

    private static func fields(_ access: borrowing VariableAccess) -> [HeaderField] {
        access.context.message.all(named: access.inner ?? .empty)
    }

    static func elements(_ id: HeaderID, _ message: Message) -> [ByteString] {
        message.elements(of: id).map { message.text($0.range) }
    }

    // MARK: $ct.fields

    private enum ContactField: Int, CaseIterable {
        case name, uri, q, expires, methods, received, params

        var text: ByteString {
            switch self {
            case .name: "name"
            case .uri: "uri"
            case .q: "q"
            case .expires: "expires"
            case .methods: "methods"
            case .received: "received"
            case .params: "params"
            }
        }
    }

    private static let contactFields = VariableDefinition(
        VariableDeclaration("ct.fields", inner: .required, isIndexable: true),
        prepare: { name in ContactField.allCases.first { $0.text == name }?.rawValue }
    ) { access in
        guard let field = ContactField(rawValue: access.token) else { return .null }
        let list = elements(.contact, access.context.message).map { NameAddress($0) }
        switch access.index {
        case .all:
            guard !list.isEmpty else { return .null }
            return .string(ByteString.joined(list.map { $0.flatMap { value(field, $0) } ?? .empty }, ","))
        case .append: return .null
        case .none, .at:
            guard let position = CSVTransformations.position(access.index.number, count: list.count) else {
                return .null
            }
            return Value(list[position].flatMap { value(field, $0) })
        }
    }

    private static func value(_ field: ContactField, _ address: NameAddress) -> ByteString? {
        switch field {
        case .name: address.displayName.unquoted().nonEmpty
        case .uri: address.uriText
        case .q: address.parameters.value("q")
        case .expires: address.parameters.value("expires")
        case .methods: address.parameters.value("methods")
        case .received: address.parameters.value("received")
        case .params: URITransformations.list(address.parameters)
        }
    }

    // MARK: From and To

    private static let fromAndTo: [VariableDefinition] =
        VariableDefinition.readOnly("fu", "from") { .init($0.context.message.from?.uriText) }
        + VariableDefinition.readOnly("fU", "from.user") { URIVariables.user($0.context.message.from?.uriText) }
        + VariableDefinition.readOnly("fd", "from.domain") { URIVariables.host($0.context.message.from?.uriText) }
        + VariableDefinition.readOnly("fn") { .init($0.context.message.from?.displayName.nonEmpty) }
        + VariableDefinition.readOnly("ft") { .init($0.context.message.fromTag) }
        + VariableDefinition.readOnly("tu", "to") { .init($0.context.message.to?.uriText) }
        + VariableDefinition.readOnly("tU", "to.user") { URIVariables.user($0.context.message.to?.uriText) }
        + VariableDefinition.readOnly("td", "to.domain") { URIVariables.host($0.context.message.to?.uriText) }
        + VariableDefinition.readOnly("tn") { .init($0.context.message.to?.displayName.nonEmpty) }
        + VariableDefinition.readOnly("tt") { .init($0.context.message.toTag) }

    // MARK: Identities

    private static let identities: [VariableDefinition] =
        VariableDefinition.readOnly("ai") { .init(address(.pAssertedIdentity, $0)?.uriText) }
        + VariableDefinition.readOnly("pu") { .init(address(.pPreferredIdentity, $0)?.uriText) }
        + VariableDefinition.readOnly("pU") { URIVariables.user(address(.pPreferredIdentity, $0)?.uriText) }
        + VariableDefinition.readOnly("pd") { URIVariables.host(address(.pPreferredIdentity, $0)?.uriText) }
        + VariableDefinition.readOnly("pn") { .init(address(.pPreferredIdentity, $0)?.displayName.nonEmpty) }
        + VariableDefinition.readOnly("re") { .init(address(.remotePartyID, $0)?.uriText) }
        + VariableDefinition.readOnly("rt") { .init(address(.referTo, $0)?.uriText) }
        + VariableDefinition.readOnly("di") { .init(address(.diversion, $0)?.uriText) }
        + VariableDefinition.readOnly("dip") { .init(address(.diversion, $0)?.parameters.value("privacy")) }
        + VariableDefinition.readOnly("dir") { .init(address(.diversion, $0)?.parameters.value("reason")) }

    private static func address(_ id: HeaderID, _ access: borrowing VariableAccess) -> NameAddress? {
        let message = access.context.message
        for element in message.elements(of: id) { return NameAddress(message.text(element.range)) }
        return nil
    }
}
