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
        guard let allowed = algorithms(call) else { return .no }
        let uri = context.requestURI
        var answered = false
        for (challenge, isProxy) in DigestChallenge.challenges(in: reply, allowing: allowed) {
            guard let credential = credentials.credential(for: challenge.realm, avps: context.avps) else { continue }
            // The same again would be refused again, for ever.
            guard isNew(challenge, context) else {
                call.log(.warning, "uac_auth: the credentials for realm \"\(challenge.realm)\" were refused")
                continue
            }
            let answer = DigestAnswer(challenge, with: credential, clientNonce: UACAuthModule.makeClientNonce())
            removeOld(isProxy, challenge.realm, context)
            var writer = ByteWriter(reserving: 384)
            writer.append(isProxy ? "Proxy-Authorization: " : "Authorization: ")
            writer.append(
                answer.value(method: context.message.methodText, uri: uri, body: context.currentBody))
            writer.append("\r\n")
            context.edits.append(line: writer.finishText(), to: context.message)
            answered = true
        }
        guard answered else {
            call.log(.info, "uac_auth: no credentials for what was asked")
            return .no
        }
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

    /// Whether this realm was not answered yet in the transaction, or the server says that only its nonce was too old.
    private func isNew(_ challenge: DigestChallenge, _ context: MessageContext) -> Bool {
        let before = context.avps.values(Self.noncesName).compactMap(\.text)
        let isKnown = before.contains(challenge.realm)
        guard !isKnown || challenge.isStale else { return false }
        if !isKnown { _ = context.avps.push(Self.noncesName, .string(challenge.realm.compacted())) }
        return true
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
