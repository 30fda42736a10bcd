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
            var parts = BodyParts.parts(of: message)
            if let type = access.inner { parts.removeAll { !$0.type.hasPrefixIgnoringCase(type) } }
            return access.select(parts.map(\.body), separator: "\r\n")
        },
        VariableDefinition(VariableDeclaration("cT", isIndexable: true)) { access in
            let message = access.context.message
            let main = message.value(.contentType)
            guard access.index != .none else { return Value(main) }
            let parts = BodyParts.isMultipart(message) ? BodyParts.parts(of: message).map(\.type) : []
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

/// The parts of a message's body: one, or those of a multipart body (RFC 2046 §5.1).
enum BodyParts {
    struct Part {
        var type: ByteString
        var body: ByteString
    }

    /// Parts read of one body.
    private static let countMax = 64

    static func isMultipart(_ message: Message) -> Bool {
        message.value(.contentType)?.hasPrefixIgnoringCase("multipart/") == true
    }

    static func parts(of message: Message) -> [Part] {
        let type = message.value(.contentType) ?? .empty
        guard isMultipart(message), let boundary = message.parameterized(.contentType)?.parameters.value("boundary")
        else { return [Part(type: type, body: message.body)] }
        let delimiter = "--" + boundary.unquoted()
        var parts: [Part] = []
        var position = message.body.first(of: delimiter)
        while let start = position, parts.count < countMax {
            let from = start + delimiter.count
            guard let end = message.body.first(of: delimiter, from: from) else { break }
            parts.append(part(message.body.slice(from..<end)))
            position = end
        }
        return parts
    }

    private static func part(_ text: ByteString) -> Part {
        var text = text
        for skipped in [ASCII.carriageReturn, ASCII.lineFeed] where text.first == skipped { text = text.dropFirst(1) }
        for skipped in [ASCII.lineFeed, ASCII.carriageReturn] where text.last == skipped { text = text.dropLast(1) }
        var type = ByteString.empty
        while let lineEnd = text.first(of: ASCII.lineFeed) {
            let line = text.prefix(lineEnd).trimmed()
            text = text.dropFirst(lineEnd + 1)
            if line.isEmpty { break }
            if line.hasPrefixIgnoringCase("content-type:") { type = line.dropFirst(13).trimmed() }
        }
        return Part(type: type, body: text)
    }
}
