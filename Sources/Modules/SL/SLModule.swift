import Bytes
import RouteLanguage
import RouteRuntime
import SIPMessage

/// `sl` at work. The stack sends the replies, counts them and absorbs the ACKs that answer them.
enum SLModule {
    static func bind(_ environment: ModuleEnvironment) -> ModuleBinding {
        let replies = environment.replies
        return ModuleBinding(
            "sl",
            functions: [
                "sl_send_reply": { call in
                    guard let reply = ScriptReply(call) else { return .no }
                    return Outcome(
                        replies.stateless(reply.completed(for: call.context), call.context, call.process))
                },
                "sl_reply_error": { call in
                    let error = call.context.error
                    var reply = ScriptReply(error?.replyCode ?? 500, error?.replyReason ?? "Server Internal Error")
                    reply.isError = true
                    return Outcome(
                        replies.stateless(reply.completed(for: call.context), call.context, call.process))
                },
            ])
    }
}

extension ScriptReply {
    /// The reply that the first two arguments, status and reason, ask for. Nil when it is none that can be sent; logs why.
    init?(_ call: borrowing Call) {
        guard let status = call.integer(0), (100...699).contains(status) else {
            call.log(.error, "\(call.name): \(call.string(0) ?? "nothing") is no status code (100 to 699)")
            return nil
        }
        guard call.context.message.isRequest else {
            call.log(.error, "\(call.name): only a request can be answered")
            return nil
        }
        guard call.context.message.method != .ack else {
            call.log(.debug, "\(call.name): an ACK is never answered")
            return nil
        }
        self.init(status, call.string(1) ?? .empty)
    }
}
