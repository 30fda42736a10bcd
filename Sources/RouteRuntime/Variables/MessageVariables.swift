import Bytes
import Reactor
import RouteLanguage
import SIPMessage

/// Variables about the message as a whole: method, status, body, flags, where it came from.
enum MessageVariables {
    static func all(_ flags: FlagNames) -> [VariableDefinition] { basics + body + addresses + flagVariables(flags) }

    private static let basics: [VariableDefinition] =
        VariableDefinition.readOnly("rm") { access in
            let message = access.context.message
            return .string(message.isRequest ? message.methodText : message.cseq?.methodText ?? .empty)
        }
        + VariableDefinition.readOnly("rs") { access in
            let message = access.context.message
            return message.isRequest ? .null : .decimal(message.statusCode)
        }
        + VariableDefinition.readOnly("rr") { access in
            let message = access.context.message
            return message.isRequest ? .null : .string(message.reasonPhrase)
        }
        + VariableDefinition.readOnly("mb") { .string($0.context.message.wholeText) }
        + VariableDefinition.readOnly("ml") { .decimal($0.context.message.wholeText.count) }
        + VariableDefinition.readOnly("mi") { .decimal($0.context.number) }
        + VariableDefinition.readOnly("msg.is_request") { .init(flag: $0.context.message.isRequest) }
        + VariableDefinition.readOnly("msg.type") { .string($0.context.message.isRequest ? "request" : "reply") }
        + VariableDefinition.readOnly("err.class") { access in
            access.context.error.map { .decimal($0.errorClass) } ?? .null
        }
        + VariableDefinition.readOnly("err.level") { access in
            access.context.error.map { .decimal($0.level) } ?? .null
        }
        + VariableDefinition.readOnly("err.info") { .init($0.context.error?.info) }
        + VariableDefinition.readOnly("err.rcode") { access in
            access.context.error.map { .decimal($0.replyCode) } ?? .null
        }
        + VariableDefinition.readOnly("err.rreason") { .init($0.context.error?.replyReason) }

    // MARK: Body

    private static let body: [VariableDefinition] = [
        VariableDefinition(VariableDeclaration("rb", inner: .optional, isIndexable: true)) { access in
            let message = access.context.message
            guard !message.body.isEmpty else { return .null }
            if access.inner == nil, access.index == .none || access.index == .all { return .string(message.body) }
            var parts = message.bodyParts.parts
            if let type = access.inner { parts.removeAll { !$0.contentType.hasPrefixIgnoringCase(type) } }
            return access.select(parts.map(\.body), separator: "\r\n")
        },
        VariableDefinition(VariableDeclaration("cT", isIndexable: true)) { access in
            let message = access.context.message
            let main = message.value(.contentType)
            guard access.index != .none else { return Value(main) }
            let isMultipart = main?.hasPrefixIgnoringCase("multipart/") ?? false
            let parts = isMultipart ? message.bodyParts.parts.map(\.contentType) : []
            return access.select(access.index == .all ? (main.map { [$0] } ?? []) + parts : parts)
        },
    ]

    // MARK: Addresses

    private static let addresses: [VariableDefinition] =
        VariableDefinition.readOnly("si", "src_ip") { access in
            .string(access.context.sourceText)
        }
        + VariableDefinition.readOnly("sp") { .decimal(Int($0.context.source.port)) }

    // MARK: Flags

    private static func flagVariables(_ flags: FlagNames) -> [VariableDefinition] {
        VariableDefinition.readOnly("mf") { access in
            .string(ByteString.joined(flags.names(of: access.context.messageFlags, in: .message), " "))
        }
            + VariableDefinition.readOnly("bf") { access in
                .string(ByteString.joined(flags.names(of: access.context.branchFlags, in: .branch), " "))
            } + [
                VariableDefinition(
                    VariableDeclaration("msg.flag", inner: .required, isWritable: true),
                    prepare: { Int(flags.mask($0, of: .message)) }
                ) { access in
                    Value(flag: access.context.messageFlags & UInt32(access.token) != 0)
                } write: { access, value, _ in
                    guard access.token != 0 else { return access.refuse("more than \(FlagNames.countMax) flags") }
                    if Comparison.test(value) > 0 {
                        access.context.messageFlags |= UInt32(access.token)
                    } else {
                        access.context.messageFlags &= ~UInt32(access.token)
                    }
                    return true
                }
            ]
    }
}
