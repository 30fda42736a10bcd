import Bytes
import JSONRPC
import Management
import Modules
import SIPMessage

/// `tm:*`: requests of the server's own, answers and cancels of transactions, and the load of their table.
enum TransactionCommands {
    static func register(in registry: inout CommandRegistry, _ transactions: TMManagement) {
        registerRequest(in: &registry, transactions)
        registerReply(in: &registry, transactions)
        registry.addLater(
            "tm:uac_cancel", aliases: ["t_uac_cancel"], "Cancels an INVITE that waits for its final answer.",
            [["callid", "cseq"]]
        ) { call, reply in
            answer(reply) { () throws(RPCError) in
                let isTaken = transactions.cancel(
                    callID: try text(call, "callid"), cseq: try text(call, "cseq")
                ) { $0 ? reply.succeed() : reply.fail(notFound) }
                guard isTaken else { throw CommandCall.badType("cseq", allowed: "the number of the INVITE's CSeq") }
            }
        }
        registry.add(
            "tm:hash", aliases: ["t_hash"], "Tells how many transactions each part of the table holds, and has held."
        ) { _ in
            [
                "Entries": .array(
                    transactions.tableLoad.enumerated().map { index, load in
                        ["Index": .integer(index), "Current": .integer(load.current), "Total": .integer(load.total)]
                    })
            ]
        }
    }

    private static func registerRequest(in registry: inout CommandRegistry, _ transactions: TMManagement) {
        let optional = ["next_hop", "socket", "body"]
        registry.addLater(
            "tm:uac_dlg", aliases: ["t_uac_dlg"],
            "Sends a request and answers with the final reply; headers hold From and To, lines end in CRLF.",
            optional.subsets.map { ["method", "ruri", "headers"] + $0 }
        ) { call, reply in
            answer(reply) { () throws(RPCError) in
                let method = try text(call, "method")
                guard !method.isEmpty, method.string.utf8.allSatisfy({ ASCII.isTokenCharacter($0) }) else {
                    throw CommandCall.badType("method", allowed: "the name of a SIP method")
                }
                let uri = try text(call, "ruri")
                guard SIPURI(uri) != nil else { throw CommandCall.badType("ruri", allowed: "a SIP URI") }
                let isTaken = transactions.send(
                    method: method, requestURI: uri, headers: ByteString(try call.string("headers")),
                    nextHop: try present(call, "next_hop"), socket: try present(call, "socket"),
                    body: ByteString(try call.optionalString("body") ?? "")
                ) { message, status in
                    reply.succeed(outcome(message, status))
                }
                guard isTaken else {
                    throw CommandCall.badType("headers", allowed: "header lines with From and To among them")
                }
            }
        }
    }

    private static func registerReply(in registry: inout CommandRegistry, _ transactions: TMManagement) {
        registry.addLater(
            "tm:reply", aliases: ["t_reply"],
            "Answers a transaction; trans_id is $T_id or entry:label, new_headers are lines or '.'.",
            [
                ["code", "reason", "trans_id", "to_tag", "new_headers"],
                ["code", "reason", "trans_id", "to_tag", "new_headers", "body"],
            ]
        ) { call, reply in
            answer(reply) { () throws(RPCError) in
                let code = try call.integer("code", allowed: "100 to 699")
                guard (100...699).contains(code) else { throw CommandCall.badType("code", allowed: "100 to 699") }
                let isTaken = transactions.reply(
                    transaction: try text(call, "trans_id"), code: code, reason: try text(call, "reason"),
                    toTag: try present(call, "to_tag") ?? .empty,
                    headers: ByteString(try call.string("new_headers")),
                    body: ByteString(try call.optionalString("body") ?? "")
                ) { $0 ? reply.succeed() : reply.fail(notFound) }
                guard isTaken else { throw CommandCall.badType("trans_id", allowed: "$T_id, or entry:label") }
            }
        }
    }

    private static let notFound = RPCError(code: 404, message: "No such transaction")

    /// What came back: the status line's code and reason, and the whole reply when there was one.
    private static func outcome(_ message: Message?, _ status: Int) -> JSONValue {
        guard let message else { return ["Status": .string("\(status) \(StatusCode.reason(status))")] }
        return [
            "Status": .string("\(status) \(message.reasonPhrase.string)"), "Message": .string(message.wholeText.string),
        ]
    }

    /// A text of one line: it becomes a part of a start line or header.
    private static func text(_ call: CommandCall, _ name: String) throws(RPCError) -> ByteString {
        let text = try call.string(name)
        guard !text.utf8.contains(where: { $0 < 0x20 }) else {
            throw CommandCall.badType(name, allowed: "text of one line")
        }
        return ByteString(text)
    }

    /// As `text`; nil when it is left out or is the peer's sign for nothing, a dot.
    private static func present(_ call: CommandCall, _ name: String) throws(RPCError) -> ByteString? {
        guard call.has(name) else { return nil }
        let value = try text(call, name)
        return value.isEmpty || value == "." ? nil : value
    }

    /// Runs the part of a command that may fail before it is under way.
    private static func answer(_ reply: CommandReply, _ body: () throws(RPCError) -> Void) {
        do throws(RPCError) {
            try body()
        } catch {
            reply.fail(error)
        }
    }
}
