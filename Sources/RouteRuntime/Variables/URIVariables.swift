import Bytes
import RouteLanguage
import SIPMessage

/// `$ru`, `$du`, `$ou` and their parts.
enum URIVariables {
    static let all: [VariableDefinition] = requestURI + destinationURI + originalURI

    // MARK: $ru

    private static let requestURI: [VariableDefinition] =
        VariableDefinition.writable("ru", "ruri", read: { .init(ruri($0.context)) }, write: setRequestURI)
        + VariableDefinition.writable("rU", "ruri.user", read: { user(ruri($0.context)) }) { access, value, _ in
            editRequestURI(access) { URIEditing.setUser(value.assignable, in: $0) }
        }
        + VariableDefinition.writable("rd", "ruri.domain", read: { host(ruri($0.context)) }) { access, value, _ in
            guard let host = value.assignable else { return access.refuse("$rd cannot be NULL") }
            return editRequestURI(access) { URIEditing.setHost(host, in: $0) }
        }
        + VariableDefinition.writable("rp", read: { port(ruri($0.context)) }) { access, value, _ in
            editRequestURI(access) { URIEditing.setPort(value.assignable, in: $0) }
        }
        + VariableDefinition.readOnly("rP") { transport(ruri($0.context)) }
        + VariableDefinition.writable("ru_q", read: { .init(q: $0.context.q) }) { access, value, _ in
            guard let q = Branches.q(value) else { return access.refuse("$ru_q takes 0 to 1000 or 0.0 to 1.0") }
            access.context.q = q
            return true
        }

    private static func ruri(_ context: MessageContext) -> ByteString? { context.requestURI.nonEmpty }

    @Sendable private static func setRequestURI(
        _ access: borrowing VariableAccess, _ value: Value, _ kind: AssignmentKind
    ) -> Bool {
        guard access.context.message.isRequest else { return access.refuse("a reply has no request URI") }
        guard let uri = value.assignable else {
            access.context.requestURI = access.context.message.requestURI
            return true
        }
        guard SIPURI(uri) != nil else { return access.refuse("\"\(uri)\" is no URI") }
        access.context.requestURI = uri.compacted()
        return true
    }

    private static func editRequestURI(
        _ access: borrowing VariableAccess, _ change: (ByteString) -> ByteString?
    ) -> Bool {
        guard let uri = change(access.context.requestURI) else {
            return access.refuse("the request URI \"\(access.context.requestURI)\" does not take that part")
        }
        access.context.requestURI = uri
        return true
    }

    // MARK: $du

    private static let destinationURI: [VariableDefinition] =
        VariableDefinition.writable("du", "duri", read: { .init($0.context.destinationURI) }) { access, value, _ in
            guard let uri = value.assignable else {
                access.context.destinationURI = nil
                return true
            }
            guard SIPURI(uri) != nil else { return access.refuse("\"\(uri)\" is no URI") }
            access.context.destinationURI = uri.compacted()
            return true
        }
        + VariableDefinition.writable("dd", read: { host($0.context.destinationURI) }) { access, value, _ in
            guard let host = value.assignable else { return access.refuse("$dd cannot be NULL") }
            let uri = access.context.destinationURI ?? "sip:localhost"
            guard let changed = URIEditing.setHost(host, in: uri) else {
                return access.refuse("\"\(host)\" is no host")
            }
            access.context.destinationURI = changed
            return true
        }
        + VariableDefinition.writable("dp", read: { port($0.context.destinationURI) }) { access, value, _ in
            guard let uri = access.context.destinationURI else {
                return access.refuse("there is no destination URI whose port could be set")
            }
            guard let changed = URIEditing.setPort(value.assignable, in: uri) else {
                return access.refuse("\"\(value.printed)\" is no port")
            }
            access.context.destinationURI = changed
            return true
        }
        + VariableDefinition.readOnly("dP") { transport($0.context.destinationURI) }
        + VariableDefinition.readOnly("ds") { access in
            guard access.context.message.isRequest else { return .null }
            let own = Branches.display(access.context.requestURI, access.context.q)
            let others = access.context.branches.map { Branches.display($0.uri, $0.q) }
            return .string(ByteString.joined([own] + others, ", "))
        }

    // MARK: $ou

    private static let originalURI: [VariableDefinition] =
        VariableDefinition.readOnly("ou", "ouri") { .init(original($0.context)) }
        + VariableDefinition.readOnly("oU") { user(original($0.context)) }
        + VariableDefinition.readOnly("od") { host(original($0.context)) }
        + VariableDefinition.readOnly("op") { port(original($0.context)) }
        + VariableDefinition.readOnly("oP") { transport(original($0.context)) }

    private static func original(_ context: MessageContext) -> ByteString? { context.message.requestURI.nonEmpty }

    // MARK: Parts

    static func user(_ uri: ByteString?) -> Value {
        Value(uri.flatMap { SIPURI($0) }?.user.nonEmpty)
    }

    static func host(_ uri: ByteString?) -> Value {
        Value(uri.flatMap { SIPURI($0) }?.host.nonEmpty)
    }

    /// The port, or the one that the scheme implies.
    static func port(_ uri: ByteString?) -> Value {
        uri.flatMap { SIPURI($0) }.map { .decimal(Int($0.effectivePort)) } ?? .null
    }

    /// The transport parameter, or what the scheme implies.
    static func transport(_ uri: ByteString?) -> Value {
        guard let uri = uri.flatMap({ SIPURI($0) }) else { return .null }
        return .string(uri.transport ?? (uri.isSecure ? "TLS" : "UDP"))
    }
}

extension Value {
    /// A q value in thousandths; NULL when none was given.
    init(q: Int) {
        self = q == ScriptBranch.qUnspecified ? .null : .decimal(q)
    }
}
