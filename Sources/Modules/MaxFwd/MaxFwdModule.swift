import Bytes
import RouteLanguage
import RouteRuntime
import SIPMessage

/// `maxfwd` at work.
struct MaxFwdModule: Sendable {
    private let limit: Int

    static func bind(_ environment: ModuleEnvironment) -> ModuleBinding {
        let limit = environment.parameters.integer("maxfwd", "max_limit") ?? 256
        let module = MaxFwdModule(limit: min(max(limit, 1), 256))
        return ModuleBinding(
            "maxfwd",
            functions: [
                "mf_process_maxfwd_header": { call in .done(module.process(call)) },
                "is_maxfwd_lt": { call in .done(module.isBelow(call)) },
            ])
    }

    /// 2: added; 1: decremented; -1: it was 0; -2: it cannot be read.
    private func process(_ call: borrowing Call) -> Int32 {
        let context = call.context
        guard let given = call.integer(0), given >= 0 else { return -2 }
        guard let field = context.message.first(.maxForwards) else {
            let value = min(given, 255)
            context.edits.insert(at: context.message.headersEnd) { writer in
                writer.append("Max-Forwards: ")
                writer.append(decimal: value)
                writer.append("\r\n")
            }
            context.maxForwardsOut = value
            return 2
        }
        guard let received = context.message.maxForwards else { return -2 }
        guard received > 0 else { return -1 }
        let value = min(Int(received) - 1, limit)
        context.edits.replaceValue(of: field, with: ByteString(decimal: value))
        context.maxForwardsOut = value
        return 1
    }

    /// 1: below; -1: not; -2: there is none; -3: it cannot be read.
    private func isBelow(_ call: borrowing Call) -> Int32 {
        let context = call.context
        guard let bound = call.integer(0) else { return -3 }
        if let value = context.maxForwardsOut { return value < bound ? 1 : -1 }
        guard context.message.contains(.maxForwards) else { return -2 }
        guard let value = context.message.maxForwards else { return -3 }
        return Int(value) < bound ? 1 : -1
    }
}
