import Bytes
import JSONRPC
import Management
import Modules
import SIPMessage

/// `ua_session_*`: calls that the server has itself, for a controller outside.
enum UASessionCommands {
    static func register(in registry: inout CommandRegistry, _ sessions: UASessionManagement) {
        registerStart(in: &registry, sessions)
        registerUpdate(in: &registry, sessions)
        registerReply(in: &registry, sessions)
        registry.addLater(
            name("terminate"), aliases: ["ua_session_terminate"], "Ends a user agent session.",
            [["key"], ["key", "extra_headers"]]
        ) { call, reply in
            answer(reply) { () throws(RPCError) in
                sessions.terminate(try line(call, "key"), lines: try headers(call)) { finish(reply, $0) }
            }
        }
        registry.add(
            name("list"), aliases: ["ua_session_list"], "Lists the user agent sessions, or the one with a key.",
            [[], ["key"]]
        ) { call throws(RPCError) in
            guard let shown = sessions.list(try optionalLine(call, "key")) else { throw error(.noSession) }
            return .array(shown.map(show))
        }
    }

    private static func name(_ short: String) -> String { "b2b_entities:ua_session_" + short }

    private static func registerStart(in registry: inout CommandRegistry, _ sessions: UASessionManagement) {
        let optional = ["proxy", "body", "content_type", "extra_headers", "flags", "socket"]
        registry.addLater(
            name("client_start"), aliases: ["ua_session_client_start"],
            "Calls somebody and answers with the session's key; to and from are uri or name,uri.",
            optional.subsets.map { ["ruri", "to", "from"] + $0 }
        ) { call, reply in
            answer(reply) { () throws(RPCError) in
                let content = try content(call)
                let (uri, to, from) = (try line(call, "ruri"), try line(call, "to"), try line(call, "from"))
                let proxy = try optionalLine(call, "proxy")
                let flags = try optionalLine(call, "flags") ?? .empty
                let socket = try optionalLine(call, "socket")
                do throws(UASessionManagement.StartError) {
                    try sessions.start(
                        requestURI: uri, to: to, from: from, proxy: proxy, content: content, flags: flags,
                        socket: socket
                    ) { key in
                        guard let key else { return reply.fail(error(.busy)) }
                        reply.succeed(.string(key.string))
                    }
                } catch {
                    switch error {
                    case .badURI(let name): throw CommandCall.badType(name, allowed: "a SIP URI")
                    case .badFlags: throw CommandCall.badType("flags", allowed: "any of a, r, d, h, b, n, t[seconds]")
                    case .noSocket: throw CommandCall.badType("socket", allowed: "a socket of the server")
                    case .busy: throw Self.error(.busy)
                    }
                }
            }
        }
    }

    private static func registerUpdate(in registry: inout CommandRegistry, _ sessions: UASessionManagement) {
        registry.addLater(
            name("update"), aliases: ["ua_session_update"], "Sends a request in a user agent session.",
            ["body", "extra_headers", "content_type"].subsets.map { ["key", "method"] + $0 }
        ) { call, reply in
            answer(reply) { () throws(RPCError) in
                sessions.update(
                    try line(call, "key"), method: try method(call), try content(call)
                ) { finish(reply, $0) }
            }
        }
    }

    private static func registerReply(in registry: inout CommandRegistry, _ sessions: UASessionManagement) {
        let optional = ["reason", "body", "extra_headers", "content_type"]
        registry.addLater(
            name("reply"), aliases: ["ua_session_reply"], "Answers a request of the far end of a user agent session.",
            optional.subsets.map { ["key", "method", "code"] + $0 }
        ) { call, reply in
            answer(reply) { () throws(RPCError) in
                let code = try call.integer("code", allowed: "100 to 699")
                guard (100...699).contains(code) else { throw CommandCall.badType("code", allowed: "100 to 699") }
                sessions.reply(
                    try line(call, "key"), method: try method(call), code: code,
                    reason: try optionalLine(call, "reason") ?? .empty, try content(call)
                ) { finish(reply, $0) }
            }
        }
    }

    // MARK: parameters

    private static func method(_ call: CommandCall) throws(RPCError) -> ByteString {
        let method = try line(call, "method")
        guard method.isToken else { throw CommandCall.badType("method", allowed: "the name of a SIP method") }
        return method
    }

    private static func content(_ call: CommandCall) throws(RPCError) -> UAContent {
        UAContent(
            body: ByteString(try call.optionalString("body") ?? ""), lines: try headers(call),
            contentType: try optionalLine(call, "content_type") ?? .empty)
    }

    /// `extra_headers` as whole lines, each with its end.
    private static func headers(_ call: CommandCall) throws(RPCError) -> ByteString {
        var lines = ByteWriter()
        for text in ByteString(try call.optionalString("extra_headers") ?? "").split(at: ASCII.lineFeed) {
            let text = text.trimmed()
            guard !text.isEmpty else { continue }
            guard let colon = text.first(of: ASCII.colon), text.prefix(colon).trimmed().isToken else {
                throw CommandCall.badType("extra_headers", allowed: "header lines")
            }
            lines.append(text)
            lines.append("\r\n")
        }
        return lines.finishText()
    }

    /// A text of one line: it becomes a part of a start line or header.
    private static func line(_ call: CommandCall, _ name: String) throws(RPCError) -> ByteString {
        let text = try call.string(name)
        guard !text.isEmpty, !text.utf8.contains(where: { $0 < 0x20 }) else {
            throw CommandCall.badType(name, allowed: "text of one line")
        }
        return ByteString(text)
    }

    private static func optionalLine(_ call: CommandCall, _ name: String) throws(RPCError) -> ByteString? {
        guard call.has(name), try call.string(name) != "" else { return nil }
        return try line(call, name)
    }

    // MARK: answers

    private static func finish(_ reply: CommandReply, _ failure: UAOrderError?) {
        if let failure { reply.fail(error(failure)) } else { reply.succeed() }
    }

    private static func error(_ failure: UAOrderError) -> RPCError {
        let code =
            switch failure {
            case .noSession: 404
            case .nothingToAnswer, .notNow: 409
            case .busy: 503
            }
        return RPCError(code: code, message: failure.words)
    }

    /// Runs the part of a command that may fail before it is under way.
    private static func answer(_ reply: CommandReply, _ body: () throws(RPCError) -> Void) {
        do throws(RPCError) {
            try body()
        } catch {
            reply.fail(error)
        }
    }

    private static func show(_ session: UASessionManagement.Shown) -> JSONValue {
        let entity = session.entity
        return [
            "key": .string(entity.key), "type": .string(entity.isServer ? "UAS" : "UAC"),
            "state": .string(entity.state.word), "callid": .string(entity.callID), "fromtag": .string(entity.fromTag),
            "totag": .string(entity.toTag), "from": .string(entity.from), "to": .string(entity.to),
            "contact": .string(entity.target), "lifetime": .integer(session.lifetime),
        ]
    }
}
