import Bytes
import RouteRuntime
import SIPMessage

/// An answer to a challenge that a request carries.
struct Authorization: Sendable {
    /// Answers that a realm gets for one request: the first, and those to nonces that it calls stale. Beyond that it is given up, so
    /// that a server that never has enough ends nowhere.
    static let perRealmMax = 3

    let realm: ByteString
    let isProxy: Bool
    /// The header line, with its end.
    let line: ByteString
    /// Answers that the realm has got, this one among them.
    let count: Int
}

extension [Authorization] {
    /// All header lines.
    var lines: ByteString {
        var writer = ByteWriter(reserving: 384 * count)
        for one in self { writer.append(one.line) }
        return writer.finishText()
    }
}

extension UACAuthModule {
    /// The answers that a request must carry which got a 401 or 407: those that it carried, and new ones for what is asked. nil when
    /// there are no credentials for that, or the realm refused them: it asks again without saying that the nonce was stale.
    func answers(
        to reply: Message, method: ByteString, uri: ByteString, body: ByteString, avps: AVPStore?,
        after carried: [Authorization], allowing algorithms: [DigestAlgorithm] = DigestAlgorithm.allCases
    ) -> [Authorization]? {
        var all = carried
        var hasNew = false
        for (challenge, isProxy) in DigestChallenge.challenges(in: reply, allowing: algorithms) {
            let known = all.firstIndex { $0.isProxy == isProxy && $0.realm == challenge.realm }
            let count = known.map { all[$0].count } ?? 0
            guard count == 0 || (challenge.isStale && count < Authorization.perRealmMax),
                let credential = credential(for: challenge.realm, avps: avps)
            else { continue }
            let answer = DigestAnswer(challenge, with: credential, clientNonce: Self.makeClientNonce())
            var writer = ByteWriter(reserving: 384)
            writer.append(isProxy ? "Proxy-Authorization: " : "Authorization: ")
            writer.append(answer.value(method: method, uri: uri, body: body))
            writer.append("\r\n")
            let made = Authorization(
                realm: challenge.realm.compacted(), isProxy: isProxy, line: writer.finishText(), count: count + 1)
            if let known { all[known] = made } else { all.append(made) }
            hasNew = true
        }
        return hasNew ? all : nil
    }
}
