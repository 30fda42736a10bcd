import Bytes
import RouteLanguage
import SIPMessage

/// `$branch`, `$branch(field)`, `$branch.flag(name)` and `$msg.branch…`.
///
/// `$branch(field)` counts the added branches only, from 0; `$msg.branch.…` counts the request URI's own as 0 and means
/// the last one without an index.
enum BranchVariables {
    enum Field: Int, CaseIterable {
        case uri, duri, path, q, flags, socket

        var name: ByteString {
            switch self {
            case .uri: "uri"
            case .duri: "duri"
            case .path: "path"
            case .q: "q"
            case .flags: "flags"
            case .socket: "socket"
            }
        }
    }

    static func all(_ flags: FlagNames, sockets: @escaping @Sendable (ByteString) -> ScriptSocket?)
        -> [VariableDefinition]
    {
        [branch(flags, sockets), branchFlag(flags), messageBranch(sockets)]
            + Field.allCases.map { messageField($0, flags, sockets) } + [
                messageFlag(flags), messageAttribute,
            ]
            + VariableDefinition.readOnly("msg.branch.last_idx") { .decimal($0.context.branches.count) }
    }

    // MARK: $branch

    private static func branch(
        _ flags: FlagNames, _ sockets: @escaping @Sendable (ByteString) -> ScriptSocket?
    ) -> VariableDefinition {
        VariableDefinition(
            VariableDeclaration("branch", inner: .optional, isWritable: true, isIndexable: true),
            prepare: { name in Field.allCases.first { $0.name == name }.map { $0.rawValue + 1 } }
        ) { access in
            guard let field = Field(rawValue: access.token - 1) else {
                return Value(access.context.branches.last?.uri)
            }
            return read(field, Array(access.context.branches.indices).map { $0 + 1 }, access, flags, first: 0)
        } write: { access, value, _ in
            guard let field = Field(rawValue: access.token - 1) else { return append(value, access) }
            guard let position = CSVTransformations.position(access.index.number, count: access.context.branches.count)
            else { return access.refuse("there is no branch \(access.index.number)") }
            return write(field, value, at: position + 1, access, flags, sockets)
        }
    }

    private static func append(_ value: Value, _ access: borrowing VariableAccess) -> Bool {
        guard let uri = value.assignable, SIPURI(uri) != nil else {
            return access.refuse("\"\(value.printed)\" is no URI for a branch")
        }
        guard Branches.append(ScriptBranch(uri: uri.compacted()), to: access.context) else {
            return access.refuse("more than \(ScriptBranch.countMax) branches")
        }
        return true
    }

    private static func branchFlag(_ flags: FlagNames) -> VariableDefinition {
        VariableDefinition(
            VariableDeclaration("branch.flag", inner: .required, isWritable: true, isIndexable: true),
            prepare: { Int(flags.mask($0, of: .branch)) }
        ) { access in
            guard let position = position(access, default: 0) else { return .null }
            return Value(flag: Branches.get(position, in: access.context).flags & UInt32(access.token) != 0)
        } write: { access, value, _ in
            guard let position = position(access, default: 0) else { return access.refuse("there is no such branch") }
            return setFlag(value, at: position, access)
        }
    }

    // MARK: $msg.branch

    private static func messageBranch(
        _ sockets: @escaping @Sendable (ByteString) -> ScriptSocket?
    ) -> VariableDefinition {
        VariableDefinition(VariableDeclaration("msg.branch", isWritable: true)) { access in
            guard access.context.message.isRequest else { return .null }
            return .string(access.context.branches.last?.uri ?? access.context.requestURI)
        } write: { access, value, _ in
            append(value, access)
        }
    }

    private static func messageField(
        _ field: Field, _ flags: FlagNames, _ sockets: @escaping @Sendable (ByteString) -> ScriptSocket?
    ) -> VariableDefinition {
        VariableDefinition(
            VariableDeclaration("msg.branch." + field.name.string, isWritable: true, isIndexable: true)
        ) { access in
            guard access.context.message.isRequest else { return .null }
            let count = access.context.branches.count
            return read(field, Array(0...count), access, flags, first: count)
        } write: { access, value, _ in
            guard let position = position(access, default: access.context.branches.count) else {
                return access.refuse("there is no such branch")
            }
            return write(field, value, at: position, access, flags, sockets)
        }
    }

    private static func messageFlag(_ flags: FlagNames) -> VariableDefinition {
        VariableDefinition(
            VariableDeclaration("msg.branch.flag", inner: .required, isWritable: true, isIndexable: true),
            prepare: { Int(flags.mask($0, of: .branch)) }
        ) { access in
            guard let position = position(access, default: access.context.branches.count) else { return .null }
            return Value(flag: Branches.get(position, in: access.context).flags & UInt32(access.token) != 0)
        } write: { access, value, _ in
            guard let position = position(access, default: access.context.branches.count) else {
                return access.refuse("there is no such branch")
            }
            return setFlag(value, at: position, access)
        }
    }

    private static let messageAttribute = VariableDefinition(
        VariableDeclaration("msg.branch.attr", inner: .required, isWritable: true, isIndexable: true)
    ) { access in
        guard let position = position(access, default: access.context.branches.count) else { return .null }
        return Branches.get(position, in: access.context).attributes.value(access.inner ?? .empty)
    } write: { access, value, _ in
        guard let position = position(access, default: access.context.branches.count), let name = access.inner else {
            return access.refuse("there is no such branch")
        }
        var branch = Branches.get(position, in: access.context)
        guard branch.attributes.set(name, value) else { return access.refuseAttribute(name) }
        Branches.set(branch, at: position, in: access.context)
        return true
    }

    // MARK: Common

    /// The branch that an index stands for, the request URI's own being 0.
    private static func position(_ access: borrowing VariableAccess, default defaultPosition: Int) -> Int? {
        guard access.context.message.isRequest else { return nil }
        switch access.index {
        case .none: return defaultPosition
        case .at(let index): return CSVTransformations.position(index, count: access.context.branches.count + 1)
        case .all, .append: return nil
        }
    }

    private static func read(
        _ field: Field, _ positions: [Int], _ access: borrowing VariableAccess, _ flags: FlagNames, first: Int
    ) -> Value {
        let context = access.context
        switch access.index {
        case .all:
            guard !positions.isEmpty else { return .null }
            let texts = positions.map { value(field, Branches.get($0, in: context), flags).text ?? .empty }
            return .string(ByteString.joined(texts, ","))
        case .append: return .null
        case .none, .at:
            let index = access.index == .none ? first : access.index.number
            guard let position = CSVTransformations.position(index, count: positions.count) else { return .null }
            return value(field, Branches.get(positions[position], in: context), flags)
        }
    }

    private static func value(_ field: Field, _ branch: ScriptBranch, _ flags: FlagNames) -> Value {
        switch field {
        case .uri: .string(branch.uri)
        case .duri: Value(branch.destinationURI)
        case .path: Value(branch.path)
        case .q: Value(q: branch.q)
        case .flags: .string(ByteString.joined(flags.names(of: branch.flags, in: .branch), ","))
        case .socket: Value(branch.socket?.description)
        }
    }

    private static func write(
        _ field: Field, _ value: Value, at position: Int, _ access: borrowing VariableAccess, _ flags: FlagNames,
        _ sockets: (ByteString) -> ScriptSocket?
    ) -> Bool {
        var branch = Branches.get(position, in: access.context)
        switch field {
        case .uri:
            guard let uri = value.assignable, SIPURI(uri) != nil else {
                return access.refuse("\"\(value.printed)\" is no URI for a branch")
            }
            branch.uri = uri.compacted()
        case .duri:
            let uri = value.assignable
            if let uri, SIPURI(uri) == nil { return access.refuse("\"\(uri)\" is no URI") }
            branch.destinationURI = uri?.compacted()
        case .path: branch.path = value.assignable?.compacted()
        case .q:
            guard let q = Branches.q(value) else { return access.refuse("q takes 0 to 1000 or 0.0 to 1.0") }
            branch.q = q
        case .flags:
            if let bits = value.integer {
                branch.flags = UInt32(truncatingIfNeeded: bits)
                break
            }
            let names = (value.assignable ?? .empty).split(at: ASCII.comma).map { $0.trimmed() }.filter { !$0.isEmpty }
            let masks = names.map { flags.mask($0, of: .branch) }
            guard !masks.contains(0) else { return access.refuse("more than \(FlagNames.countMax) branch flags") }
            branch.flags = masks.reduce(0, |)
        case .socket:
            guard let text = value.assignable else {
                branch.socket = nil
                break
            }
            guard let socket = sockets(text) else { return access.refuse("\"\(text)\" is not one of our sockets") }
            branch.socket = socket
        }
        Branches.set(branch, at: position, in: access.context)
        return true
    }

    private static func setFlag(_ value: Value, at position: Int, _ access: borrowing VariableAccess) -> Bool {
        guard access.token != 0 else { return access.refuse("more than \(FlagNames.countMax) branch flags") }
        var branch = Branches.get(position, in: access.context)
        if Comparison.test(value) > 0 {
            branch.flags |= UInt32(access.token)
        } else {
            branch.flags &= ~UInt32(access.token)
        }
        Branches.set(branch, at: position, in: access.context)
        return true
    }
}
