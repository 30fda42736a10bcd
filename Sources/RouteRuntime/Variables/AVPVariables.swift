import Bytes
import RouteLanguage

/// `$avp(name)`
enum AVPVariables {
    static let all: [VariableDefinition] = [
        VariableDefinition(
            VariableDeclaration("avp", inner: .required, isWritable: true, isIndexable: true), read: read, write: write)
    ]

    @Sendable private static func read(_ access: borrowing VariableAccess) -> Value {
        guard let name = access.inner else { return .null }
        let avps = access.context.avps
        switch access.index {
        case .none: return avps.value(name) ?? .null
        case .at(let index): return avps.value(name, at: index) ?? .null
        case .append: return .null
        case .all:
            let values = avps.values(name)
            return values.isEmpty ? .null : .string(ByteString.joined(values.map(\.printed), ", "))
        }
    }

    @Sendable private static func write(
        _ access: borrowing VariableAccess, _ value: Value, _ kind: AssignmentKind
    ) -> Bool {
        guard let name = access.inner else { return false }
        let avps = access.context.avps
        if value.isNull {
            if kind == .replaceAll || access.index == .all {
                avps.replaceAll(name, with: nil)
            } else {
                avps.remove(name, at: access.index.number)
            }
            return true
        }
        // A number in an AVP answers as text too.
        var stored = value
        if case .integer(let number) = value { stored = .decimal(number) }
        var hasRoom = true
        switch (kind, access.index) {
        case (.replaceAll, _): hasRoom = avps.replaceAll(name, with: stored)
        case (_, .append): hasRoom = avps.append(name, stored)
        case (_, .at(let index)): hasRoom = avps.set(name, at: index, stored)
        case (.update, _): hasRoom = avps.set(name, at: 0, stored)
        case (.set, _): hasRoom = avps.push(name, stored)
        }
        return hasRoom || access.refuse("more than \(AVPStore.valueCountMax) AVPs")
    }
}
