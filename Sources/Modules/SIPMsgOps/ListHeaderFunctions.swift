import Bytes
import RouteLanguage
import RouteRuntime
import SIPMessage

/// `list_hdr_*`: tokens of headers that are comma-separated lists, such as Supported.
enum ListHeaderFunctions {
    static let all: [String: HostFunction] = [
        "list_hdr_has_option": { call in
            guard let (fields, option) = arguments(call) else { return .no }
            let message = call.context.message
            return Outcome(
                fields.contains { options(message.value(of: $0)).contains { $0.equalsIgnoringCase(option) } })
        },
        "list_hdr_add_option": { call in
            guard let (fields, option) = arguments(call), let first = fields.first else { return .no }
            change(call.context, first) { $0.append(option) }
            return .yes
        },
        "list_hdr_remove_option": { call in
            guard let (fields, option) = arguments(call) else { return .no }
            var isFound = false
            for field in fields {
                change(call.context, field) { list in
                    guard let index = list.lastIndex(where: { $0.equalsIgnoringCase(option) }) else { return }
                    list.remove(at: index)
                    isFound = true
                }
            }
            return Outcome(isFound)
        },
    ]

    /// The options of header fields that were changed before, by the offset of the field.
    private struct ChangedLists {
        var options: [UInt32: [ByteString]] = [:]
    }

    private static func arguments(_ call: borrowing Call) -> ([HeaderField], ByteString)? {
        guard let name = call.string(0), let option = call.string(1) else { return nil }
        let fields = call.context.message.all(named: name)
        return fields.isEmpty ? nil : (fields, option.trimmed())
    }

    private static func options(_ value: ByteString) -> [ByteString] {
        value.split(at: ASCII.comma).map { $0.trimmed() }.filter { !$0.isEmpty }
    }

    private static func change(_ context: MessageContext, _ field: HeaderField, _ body: (inout [ByteString]) -> Void) {
        let received = options(context.message.value(of: field))
        let list = context.updateState(ChangedLists()) { state in
            body(&state.options[field.line.lower, default: received])
            return state.options[field.line.lower] ?? received
        }
        var writer = ByteWriter(reserving: 64)
        if !list.isEmpty {
            writer.append(context.message.text(field.name))
            writer.append(": ")
            for (index, option) in list.enumerated() {
                if index > 0 { writer.append(", ") }
                writer.append(option)
            }
            writer.append("\r\n")
        }
        context.edits.replace(field.line, with: writer.finishText())
    }
}
