import Bytes
import SIPMessage
import SIPTransaction

extension MatchKey {
    /// The key of a request; nil when its top Via, or its CSeq, can't be read.
    init?(_ request: Message) {
        guard let via = request.topVia else { return nil }
        let hasCookie = via.hasMagicCookie
        self.init(
            method: request.method, methodText: request.methodText, hasCookie: hasCookie, branch: via.branch ?? .empty,
            sentByHost: via.host, sentByPort: Int(via.port ?? 5060), requestURI: .empty, callID: .empty,
            fromTag: .empty, toTag: .empty, cseq: 0, via: .empty)
        guard !hasCookie else { return }
        guard let cseq = request.cseq else { return nil }
        requestURI = request.requestURI
        callID = request.callID
        fromTag = request.fromTag ?? .empty
        toTag = request.toTag ?? .empty
        self.cseq = cseq.number
        self.via = via.text
    }
}
