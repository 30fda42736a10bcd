import Bytes
package import RouteRuntime
import SIPMessage
package import SIPStack

/// What scripts set for a transaction: armed routes, flags, AVPs, timeouts. Found in `MessageContext.transaction` from the
/// first tm function that a script calls on, and in `Transaction.user` once there is a transaction.
package final class TMState: @unchecked Sendable {
    // @unchecked: `stored` is guarded by `lock`; `avps` takes care of itself; contexts kept here are not changed any more.

    struct Values {
        var transaction: Transaction?
        var failureRoute: RouteHandle?
        var replyRoute: RouteHandle?
        var branchRoute: RouteHandle?
        var messageFlags: UInt32 = 0
        /// In seconds; nil: the parameter's.
        var finalTimeout: Int?
        var finalInviteTimeout: Int?
        var cancelReason = ByteString.empty
        /// `t_wait_for_new_branches()` was called: for how many, 0 for any number.
        var awaitedBranches: Int?
        /// Those who asked before there was a transaction.
        var followers: [TransactionFollower] = []
        var observers: [any TransactionObserver] = []
        /// What other modules keep with the transaction, by type.
        var attachments: [ObjectIdentifier: AnyObject] = [:]
        /// The request with the script's changes, as it stood when it was relayed first. Names this state, and is let go with
        /// the transaction.
        var request: MessageContext?
        /// The transaction is over.
        var isOver = false
    }

    private let lock = StackLock()
    private var stored = Values()
    package let avps: AVPStore

    init(avps: AVPStore) {
        self.avps = avps
    }

    var values: Values { lock.withLock { stored } }

    func update(_ body: (inout Values) -> Void) {
        lock.withLock { body(&stored) }
    }

    /// The transaction; nil while the script has not made one.
    package var transaction: Transaction? { lock.withLock { stored.transaction } }

    /// Keeps the request for routes that run later; not when there can be none.
    func keep(_ request: MessageContext?) {
        update { if !$0.isOver { $0.request = request } }
    }
}

extension TMState: TransactionUser {
    package func transactionEnded() {
        var kept: MessageContext?
        update { values in
            values.isOver = true
            swap(&kept, &values.request)
        }
        // `kept` is freed after unlocking.
        _ = kept
    }
}

/// What scripts set for one branch. Found in the branch's `user`.
final class TMBranch: @unchecked Sendable {
    // @unchecked: `stored` and `storedAVPs` are guarded by `lock`; the rest is constant.

    struct Values {
        var flags: UInt32
        var attributes: BranchAttributes
        var replyRoute: RouteHandle?
    }

    let branch: ScriptBranch
    let socketDescription: ByteString
    /// `$bavp`: made when a script asks for it, which few do.
    var avps: AVPStore {
        lock.withLock {
            if let storedAVPs { return storedAVPs }
            let made = AVPStore()
            storedAVPs = made
            return made
        }
    }
    private var storedAVPs: AVPStore?
    private let lock = StackLock()
    private var stored: Values

    /// - Parameter notes: what the branch's route left for it.
    init(
        _ branch: ScriptBranch, flags: UInt32, attributes: BranchAttributes, from notes: BranchNotes?
    ) {
        self.branch = branch
        socketDescription = branch.socket?.description ?? .empty
        stored = Values(flags: flags, attributes: attributes, replyRoute: notes?.replyRoute)
        storedAVPs = notes?.avps
    }

    var values: Values { lock.withLock { stored } }

    @discardableResult
    func update<Result>(_ body: (inout Values) -> Result) -> Result {
        lock.withLock { body(&stored) }
    }
}

extension MessageContext {
    /// What tm keeps with the message, nil when no tm function was called on it.
    package var tmState: TMState? { transaction as? TMState }

    /// The transaction that the message belongs to.
    package var tmTransaction: Transaction? { tmState?.transaction }

    /// What tm keeps with the message, made if need be.
    func makeTMState() -> TMState {
        if let state = tmState { return state }
        let state = TMState(avps: avps)
        transaction = state
        settleFollowers()
        return state
    }
}

extension TMState: FollowableTransaction {
    package func follow(_ follower: @escaping TransactionFollower) {
        guard let transaction else { return update { $0.followers.append(follower) } }
        Self.follow(transaction, follower)
    }

    /// Keeps an object of another module with the transaction: one of each type.
    func attach<Object: AnyObject>(_ object: Object) {
        update { $0.attachments[ObjectIdentifier(Object.self)] = object }
    }

    func attached<Object: AnyObject>(_ type: Object.Type) -> Object? {
        lock.withLock { stored.attachments.isEmpty ? nil : stored.attachments[ObjectIdentifier(type)] as? Object }
    }

    /// Shows the observer the transaction, from now on or from its making on. One that never is made lets the observer go, without
    /// a word, with the last route of the request. False when the transaction is over: the observer is not kept.
    @discardableResult
    func observe(_ observer: any TransactionObserver) -> Bool {
        let transaction = lock.withLock {
            if stored.transaction == nil { stored.observers.append(observer) }
            return stored.transaction
        }
        return transaction?.observe(observer) ?? true
    }

    /// There is a transaction now: those who asked are told of its answer.
    func begin(_ transaction: Transaction) {
        var waiting: [TransactionFollower] = []
        var observers: [any TransactionObserver] = []
        update { values in
            values.transaction = transaction
            swap(&waiting, &values.followers)
            swap(&observers, &values.observers)
        }
        for observer in observers { transaction.observe(observer) }
        for follower in waiting { Self.follow(transaction, follower) }
    }

    private static func follow(_ transaction: Transaction, _ follower: @escaping TransactionFollower) {
        transaction.observe(FollowerObserver(follower))
    }
}

/// Tells a follower what becomes of the request.
private final class FollowerObserver: TransactionObserver {
    private let follower: TransactionFollower

    init(_ follower: @escaping TransactionFollower) {
        self.follower = follower
    }

    func failed(_ transaction: Transaction, status: Int, response: Message?, _ worker: StackWorker) {
        tell(status, response, isFinal: false)
    }

    func answered(_ transaction: Transaction, status: Int, response: Message?, _ worker: StackWorker) {
        tell(status, (try? Message.parse(transaction.lastReplyBytes)) ?? response, isFinal: true)
    }

    private func tell(_ status: Int, _ reply: Message?, isFinal: Bool) {
        // What stands for no reply, or for another one, has a phrase of its own.
        let own = reply.flatMap { $0.statusCode == status ? $0.reasonPhrase : nil }
        follower(
            TransactionAnswer(
                status: status, reason: own ?? ByteString(StackWorker.reason(status)), toTag: reply?.toTag,
                isFinal: isFinal))
    }
}
