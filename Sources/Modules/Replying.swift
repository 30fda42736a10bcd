package import Bytes
package import RouteRuntime
import SIPMessage

/// A reply that a script function wants sent to the request it is about.
package struct ScriptReply {
    package var status: Int
    /// Empty takes the standard phrase.
    package var reason: ByteString
    /// Header fields, each with its line end.
    package var lines = ByteString.empty
    package var body = ByteString.empty
    /// It tells of a fault that the server found (`sl_reply_error()`).
    package var isError = false

    package init(_ status: Int, _ reason: ByteString = .empty, lines: ByteString = .empty, body: ByteString = .empty) {
        self.status = status
        self.reason = reason
        self.lines = lines
        self.body = body
    }

    /// With what the script added to every reply of `context` (`append_to_reply`). For all who build replies for a script.
    package func completed(for context: MessageContext) -> ScriptReply {
        guard let additions = context.state(ReplyAdditions.self) else { return self }
        var reply = self
        if !additions.lines.isEmpty {
            reply.lines = reply.lines.isEmpty ? additions.lines : reply.lines + additions.lines
        }
        if let body = additions.body, reply.body.isEmpty { reply.body = body }
        return reply
    }
}

/// What `append_to_reply()` and its kin add to every reply to a message.
struct ReplyAdditions {
    var lines = ByteString.empty
    var body: ByteString?
}

/// How script functions answer requests: with the transaction when there is one, else without state.
///
/// Filled while the server is put together, read only once processes run.
package final class Replies: @unchecked Sendable {
    // @unchecked: the closures are set before the first process starts and never again.

    /// Sends a reply to the request of a context. False when it could not be sent.
    package typealias Send = @Sendable (ScriptReply, MessageContext, ScriptProcess) -> Bool

    /// Without state (`sl`).
    package var stateless: Send = { _, _, _ in false }
    /// With the transaction of the context (`tm`); nil when it has none.
    package var stateful: (@Sendable (ScriptReply, MessageContext, ScriptProcess) -> Bool?)?
    /// Keeps the connection of a context's message open for so many seconds.
    package var keepConnection: @Sendable (MessageContext, ScriptProcess, _ seconds: Int) -> Void = { _, _, _ in }
    /// The To tag of a reply to the request of a context; nil when it would not be answered this way.
    package typealias Tag = @Sendable (MessageContext, ScriptProcess) -> ByteString?

    /// Of replies without state (`sl`).
    package var statelessTag: Tag = { _, _ in nil }
    /// Of replies by the transaction (`tm`).
    package var statefulTag: Tag = { _, _ in nil }

    package init() {}

    /// Sends `reply` with the script's additions, by the transaction if there is one.
    package func send(_ reply: ScriptReply, _ context: MessageContext, _ process: ScriptProcess) -> Bool {
        let reply = reply.completed(for: context)
        if let done = stateful?(reply, context, process) { return done }
        return stateless(reply, context, process)
    }

    /// The To tag that `send` would put on a reply now: the request's own if it has one. nil for what is no request.
    func localTag(_ context: MessageContext, _ process: ScriptProcess) -> ByteString? {
        guard context.message.isRequest else { return nil }
        return context.message.toTag ?? statefulTag(context, process) ?? statelessTag(context, process)
    }
}
