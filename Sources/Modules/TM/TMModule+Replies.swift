import Bytes
import RouteLanguage
import RouteRuntime
import SIPMessage
import SIPStack
import SIPTransaction

/// Functions of `tm` about replies.
extension TMModule {
    func send(_ reply: ScriptReply, _ transaction: Transaction, _ worker: StackWorker) -> Bool {
        worker.reply(
            transaction, status: reply.status,
            reason: reply.reason, headers: reply.lines, body: reply.body)
    }

    func reply(_ call: borrowing Call, hasBody: Bool) -> Outcome {
        guard let worker = host.worker(call.process), var reply = ScriptReply(call) else { return .no }
        if hasBody, let body = call.string(2) { reply.body = body }
        let transaction: Transaction
        switch enter(call, worker) {
        case .transaction(let entered, _): transaction = entered
        case .end(let outcome): return outcome
        }
        return Outcome(send(reply.completed(for: call.context), transaction, worker))
    }

    func replyByCallID(_ call: borrowing Call) -> Outcome {
        guard let worker = host.worker(call.process), let reply = ScriptReply(call) else { return .no }
        let message = call.context.message
        let callID = call.string(2) ?? message.callID
        let cseq = call.integer(3).flatMap { UInt32(exactly: $0) } ?? message.cseq?.number ?? 0
        guard let transaction = worker.stack.inviteTransaction(callID: callID.string, cseq: cseq) else { return .no }
        return Outcome(send(reply.completed(for: call.context), transaction, worker))
    }

    /// What `t_check_status` and `$T_reply_code` are about: the reply at hand, or the last one sent.
    func replyCode(_ context: MessageContext, isRequestRoute: Bool) -> Int {
        if !context.message.isRequest { return context.message.statusCode }
        if let reply = context.reply { return reply.statusCode }
        guard let transaction = context.tmTransaction else { return 0 }
        if !isRequestRoute, let branch = transaction.branch(context.branchIndex) { return branch.status }
        return transaction.lastReplyStatus
    }

    func checkStatus(_ call: borrowing Call) -> Outcome {
        guard let pattern = call.regularExpression(0) else { return .no }
        let code = replyCode(call.context, isRequestRoute: call.kind == .request || call.kind == .branch)
        return Outcome(code != 0 && pattern.matches(ByteString(decimal: code)))
    }

    func localReplied(_ call: borrowing Call) -> Outcome {
        guard let transaction = call.context.tmTransaction, let which = call.string(0) else { return .no }
        if which.equalsIgnoringCase("last") {
            if call.kind == .failure, let branch = transaction.branch(call.context.branchIndex) {
                return Outcome(branch.isLocal)
            }
            return Outcome(transaction.isLastReplyMadeHere)
        }
        guard which.equalsIgnoringCase("all") else {
            call.log(.error, "t_local_replied: \"\(which)\" is neither \"all\" nor \"last\"")
            return .no
        }
        for index in 0..<transaction.branchCount {
            if let branch = transaction.branch(index), branch.response != nil { return .no }
        }
        return .yes
    }

    func cancelBranch(_ call: borrowing Call) -> Outcome {
        guard let transaction = call.context.tmTransaction, let worker = host.worker(call.process) else { return .no }
        let current = BranchSet(call.context.branchIndex)
        switch call.string(0)?.string ?? "" {
        case "": worker.cancel(transaction, branches: current)
        case "a": worker.cancel(transaction, branches: BranchSet(rawValue: .max))
        case "o": worker.cancel(transaction, branches: BranchSet(rawValue: ~current.rawValue))
        default:
            call.log(.error, "t_cancel_branch: \"\(call.string(0) ?? "")\" is none of \"a\", \"o\" and nothing")
            return .no
        }
        return .yes
    }

    func newRequest(_ call: borrowing Call) -> Outcome {
        guard let worker = host.worker(call.process), let method = call.string(0), let uri = call.string(1),
            let from = call.string(2), let to = call.string(3)
        else { return .no }
        var request = LocalRequest(
            method: method, requestURI: uri, from: Self.address(from), to: Self.address(to))
        if let body = call.string(4), !body.isEmpty {
            guard let blank = body.first(of: ASCII.space) else {
                call.log(.error, "t_new_request: the body starts with its content type and a blank")
                return .no
            }
            request.contentType = body.prefix(blank)
            request.body = body.dropFirst(blank + 1)
        }
        let state = TMState(avps: AVPStore())
        if let context = call.string(5) { state.avps.push("uac_ctx", .string(context)) }
        request.user = state
        worker.send(request, completion: nil)
        return .yes
    }

    /// `[display ]URI` as a header value.
    static func address(_ text: ByteString) -> ByteString {
        let text = text.trimmed()
        guard !text.contains(UInt8(ascii: "<")) else { return text }
        var writer = ByteWriter(reserving: text.count + 8)
        if let blank = text.last(of: ASCII.space) {
            writer.append(UInt8(ascii: "\""))
            writer.append(text.prefix(blank).trimmed())
            writer.append("\" <")
            writer.append(text.dropFirst(blank + 1))
        } else {
            writer.append(UInt8(ascii: "<"))
            writer.append(text)
        }
        writer.append(UInt8(ascii: ">"))
        return writer.finishText()
    }

    func branchByAttribute(_ call: borrowing Call) -> Outcome {
        guard let transaction = call.context.tmTransaction, let name = call.string(0) else { return .no }
        let wantedText = call.string(1)
        let wantedNumber = call.integer(2)
        for index in max(0, call.integer(4) ?? 0)..<max(transaction.branchCount, max(0, call.integer(4) ?? 0)) {
            guard let branch = transaction.branch(index)?.user as? TMBranch else { continue }
            let value = branch.values.attributes.value(name)
            if value.isNull { continue }
            if let wantedText, value.text != wantedText { continue }
            if let wantedNumber, value.integer != wantedNumber { continue }
            call.assign(3, .integer(index))
            return .yes
        }
        return .no
    }
}
