import Bytes
import RouteRuntime
import SIPMessage
import SIPStack

/// `uac_auth()`: answers the 401 or 407 that a branch got, with a new CSeq, for the script to relay again.
extension UACModule {
    func authenticate(_ call: borrowing Call) -> Outcome {
        let context = call.context
        guard let (reply, branch) = challenged(context) else {
            call.log(.error, "uac_auth: the reply is neither 401 nor 407")
            return .no
        }
        let message = context.message
        guard message.toTag == nil || context.dialogUse != nil || message.method == .bye else {
            // Nobody would keep the callee's count of what follows: the ACK, or the next request, would come with a wrong number.
            call.log(.error, "uac_auth: a \(message.methodText) inside a dialog needs create_dialog() for its numbers")
            return .no
        }
        guard let allowed = algorithms(call) else { return .no }
        let state = context.makeTMState()
        let carried =
            (state.values.attachments[ObjectIdentifier(CarriedAnswers.self)] as? CarriedAnswers)?.answers ?? []
        guard
            let answers = credentials.answers(
                to: reply, method: context.message.methodText, uri: context.requestURI, body: context.currentBody,
                avps: context.avps, after: carried, allowing: allowed)
        else {
            // The same again would be refused again, for ever.
            let isRefused = DigestChallenge.challenges(in: reply, allowing: allowed).contains { asked in
                carried.contains { $0.isProxy == asked.isProxy && $0.realm == asked.challenge.realm }
            }
            call.log(
                isRefused ? .warning : .info,
                isRefused ? "uac_auth: the credentials were refused" : "uac_auth: no credentials for what was asked")
            return .no
        }
        // Each attempt begins with the request as it was relayed first: it gets the earlier answers again.
        for answer in answers { removeOld(answer.isProxy, answer.realm, context) }
        guard context.edits.append(line: answers.lines, to: context.message) else { return .no }
        state.update { $0.attachments[ObjectIdentifier(CarriedAnswers.self)] = CarriedAnswers(answers) }
        guard raiseSequence(context, by: 1) else { return .no }
        // The same next hop as before, unless the script names another.
        if context.destinationURI == nil { context.destinationURI = branch?.branch.destinationURI }
        return .yes
    }

    /// The challenge to answer: the newest, for of several attempts the earlier ones may have the better reply.
    private func challenged(_ context: MessageContext) -> (reply: Message, branch: TMBranch?)? {
        func isChallenge(_ reply: Message) -> Bool { reply.statusCode == 401 || reply.statusCode == 407 }
        if let transaction = context.tmTransaction {
            for index in stride(from: transaction.branchCount - 1, through: 0, by: -1) {
                guard let view = transaction.branch(index), let reply = view.response else { continue }
                if isChallenge(reply) { return (reply, view.user as? TMBranch) }
            }
        }
        guard let reply = context.reply, isChallenge(reply) else { return nil }
        return (reply, nil)
    }

    /// The algorithms that an argument names; all without one. nil: a word that is none.
    private func algorithms(_ call: borrowing Call) -> [DigestAlgorithm]? {
        guard let text = call.string(0), !text.trimmed().isEmpty else { return DigestAlgorithm.allCases }
        var found: [DigestAlgorithm] = []
        for word in text.split(at: ASCII.comma) {
            guard let algorithm = DigestAlgorithm(word.trimmed()) else {
                call.log(.error, "uac_auth: \"\(word.trimmed())\" is no algorithm of digests")
                return nil
            }
            found.append(algorithm)
        }
        return found
    }

    /// Takes away what the client itself sent for this realm.
    private func removeOld(_ isProxy: Bool, _ realm: ByteString, _ context: MessageContext) {
        let message = context.message
        for field in message.all(isProxy ? .proxyAuthorization : .authorization)
        where Credentials(message.value(of: field))?.value("realm") == realm {
            context.edits.remove(field)
        }
    }
}

/// The answers that the last attempt of a transaction carried.
private final class CarriedAnswers: Sendable {
    let answers: [Authorization]
    init(_ answers: [Authorization]) { self.answers = answers }
}
