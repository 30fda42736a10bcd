package import Bytes
package import RouteRuntime

/// How a transaction was answered upstream, or what its branches came to.
package struct TransactionAnswer: Sendable {
    package let status: Int
    package let reason: ByteString
    /// The tag in To of the answer; nil when it has none.
    package let toTag: ByteString?
    /// False: all branches have failed, and the failure route decides next; there may be others.
    package let isFinal: Bool

    package init(status: Int, reason: ByteString, toTag: ByteString?, isFinal: Bool = true) {
        self.status = status
        self.reason = reason
        self.toTag = toTag
        self.isFinal = isFinal
    }
}

package typealias TransactionFollower = @Sendable (TransactionAnswer) -> Void

/// What `MessageContext.transaction` conforms to, so that modules can follow it.
package protocol FollowableTransaction: AnyObject {
    /// Calls `follower` each time that all branches have failed, and once after the final reply was sent upstream or given up.
    func follow(_ follower: @escaping TransactionFollower)
}

/// Those who want to know how the transaction of a request is answered, gathered before there is one.
private struct Followers {
    var list: [TransactionFollower] = []
}

extension MessageContext {
    /// Asks to be told how the transaction of this request is answered. There may be no transaction yet.
    func followTransaction(_ follower: @escaping TransactionFollower) {
        if let transaction = transaction as? any FollowableTransaction {
            transaction.follow(follower)
        } else {
            updateState(Followers()) { $0.list.append(follower) }
        }
    }

    /// To be called by the transaction module once `transaction` is set: hands over those who asked before.
    package func settleFollowers() {
        guard let transaction = transaction as? any FollowableTransaction,
            let waiting = state(Followers.self)?.list, !waiting.isEmpty
        else { return }
        updateState(Followers()) { $0.list = [] }
        for follower in waiting { transaction.follow(follower) }
    }
}
