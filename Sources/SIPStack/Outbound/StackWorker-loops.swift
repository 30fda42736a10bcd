import Bytes
import SIPMessage

/// Loops of forked requests: RFC 5393 §4.2 asks for their detection, since every round would multiply them. What goes to one
/// place at a time is bounded by Max-Forwards alone, as RFC 3261 §16.3 leaves it. Costs nothing unless a request is forked.
extension StackWorker {
    /// What the routing of a request may depend on, as a keyed hash: a request that comes back with the same mark goes the
    /// same ways again. One that comes back with another request URI or Route (a spiral) has another mark.
    func loopMark(of request: Message) -> UInt64 {
        var hash = request.requestURI.stableHash(seed: stack.secret)
        hash = request.callID.stableHash(seed: hash)
        hash = (request.fromTag ?? .empty).stableHash(seed: hash)
        hash = (request.toTag ?? .empty).stableHash(seed: hash)
        hash = StackWorker.mix(hash ^ UInt64(request.cseq?.number ?? 0))
        for id in [HeaderID.route, .proxyRequire, .proxyAuthorization] {
            for field in request.all(id) { hash = request.text(field.value).stableHash(seed: hash) }
        }
        return hash
    }

    /// A Via of this server says that the request was forked here with this mark.
    func wasForkedHere(_ request: Message, mark: UInt64) -> Bool {
        for element in request.elements(of: .via) {
            guard let via = Via(request.text(element.range)), let branch = via.branch, let id = BranchID(branch) else {
                continue
            }
            if id.boot == stack.boot, id.loop == mark { return true }
        }
        return false
    }
}
