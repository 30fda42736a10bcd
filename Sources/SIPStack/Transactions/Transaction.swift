package import Bytes
package import Profiling
package import Reactor
package import SIPMessage
import SIPTransaction
package import SIPTransport

/// A request that is handled with state: its server machine, its branches, its response context.
///
/// Any process may serve it at any moment. What changes is guarded by `lock`, held for a step only; what has to be done
/// is collected in `Effects` and done after unlocking. Three allocations a transaction: this object, the array of
/// branches, the bytes of the request sent. When it is over it leaves the table and lets go of everything it holds.
package final class Transaction: @unchecked Sendable {
    // @unchecked: `key`, `next`, `place` and `serial` are guarded by the shard's lock, constants need none, and
    // everything else is guarded by `lock`.

    // Guarded by the shard's lock.
    var key: MatchKey
    var next: Transaction?
    var place: UInt32 = 0
    var serial: UInt32 = 0

    // Constants.
    let hash: Int
    package let isInvite: Bool
    /// False for a request that was made here.
    package let isServer: Bool
    package let method: Method
    package let source: SocketAddress
    /// Where replies go, and the socket they leave by.
    let replyDestination: Destination
    /// Replies made here say where the request came from, asked for or not. Set before the transaction is shared.
    var forcesRport = false
    /// To tag of the replies made here; written out when there is one. Empty for a request that was made here.
    package var localTag: ByteString {
        if localTagNumber == 0 { return .empty }
        var writer = ByteWriter(reserving: 18)
        writer.append(hex: localTagNumber, digits: 16)
        return writer.finishText()
    }
    private let localTagNumber: UInt64
    /// The session that handled the request, for those that go on with it: its replies, its failure. `none` while nobody
    /// listens. Set before the transaction is shared, or before its first request leaves.
    package var records = SessionLink.none

    // Guarded by `lock`.
    let lock = StackLock()
    var settings: TransactionSettings
    var request: Message?
    var server: ServerMachine
    /// The worker whose replies have not left its batch yet, -1 when there is none.
    var replySender = -1
    /// Replies of other workers, to be sent after those.
    var repliesWaiting: [[UInt8]] = []
    var lastReply: [UInt8] = []
    var lastStatus = 0
    /// The last reply was made here, not received.
    var isLastReplyLocal = false
    var fork: ResponseContext
    var branches: ContiguousArray<Branch> = []
    var serverDeadlines = Deadlines()
    /// When a transaction that nobody answers is given up.
    var orphanDeadline = Int.max
    /// At the last such time somebody had still to say how it goes on.
    var isOrphanSuspected = false
    var armedDeadline = Int.max
    var generation: UInt32 = 0
    var isOver = false
    var usesFailover: Bool
    /// Headers for every request that leaves for this transaction (`t_add_hdrs`).
    var extraHeaders = ByteString.empty
    /// `Reason` for CANCELs that leave for this transaction.
    var cancelReason = ByteString.empty
    /// Called once with the final response of a request that was made here.
    var onLocalFinal: LocalCompletion?
    /// Calls of `relay` that have not returned: what fails meanwhile is theirs to report.
    var relaysUnderWay = 0
    /// The branches before this one have failed, and the observers know it.
    var branchesToldFailed = 0
    /// The first of the branches that were tried last when all had failed: a failure hook went on from those before.
    var firstTriedLast = 0
    /// All branches ended while a relay was under way; it sees to the rest.
    var isCompletionDue = false
    /// What the transaction user keeps.
    var userState: (any TransactionUser)?
    /// The user agent of the server's own, when there is one.
    var seat: AgentSeat?
    var observers: [any TransactionObserver] = []
    var wantsReplyHook = false
    var wantsFailureHook = false

    init(
        key: MatchKey, hash: Int, request: Message, isServer: Bool, source: SocketAddress,
        replyDestination: Destination,
        isReliable: Bool, localTagNumber: UInt64 = 0, configuration: StackConfiguration
    ) {
        self.key = key
        self.hash = hash
        self.request = request
        self.isServer = isServer
        method = request.method
        isInvite = request.method == .invite
        self.source = source
        self.replyDestination = replyDestination
        self.localTagNumber = localTagNumber
        settings = configuration.settings
        server = ServerMachine(isInvite: isInvite, isReliable: isReliable)
        fork = ResponseContext(isInvite: isInvite, blocksOn6xx: configuration.blocksOn6xx)
        usesFailover = configuration.usesDNSFailover
    }

    // MARK: what the transaction user reads and sets, at any moment and on any process

    /// What the transaction user keeps with the transaction; gone when it is over.
    package var user: (any TransactionUser)? {
        get { lock.withLock { userState } }
        set { lock.withLock { if !isOver { userState = newValue } } }
    }

    /// Whether replies are shown to the reply hook before they are forwarded.
    package var showsReplies: Bool {
        get { lock.withLock { wantsReplyHook } }
        set { lock.withLock { wantsReplyHook = newValue } }
    }

    /// Whether the failure hook decides before a negative final response goes upstream.
    package var showsFailure: Bool {
        get { lock.withLock { wantsFailureHook } }
        set { lock.withLock { wantsFailureHook = newValue } }
    }

    /// Sets both at once, for a transaction about to be relayed. What shows replies already goes on doing so.
    package func showRoutes(replies: Bool, failure: Bool) {
        lock.withLock {
            if replies { wantsReplyHook = true }
            wantsFailureHook = failure
        }
    }

    /// The request as received; nil when the transaction is over.
    package var originalRequest: Message? { lock.withLock { request } }

    /// The upstream client sent a CANCEL.
    package var isCancelled: Bool { lock.withLock { fork.isCancelled } }

    /// Status of the last reply sent upstream, 0 before the first.
    package var lastReplyStatus: Int { lock.withLock { lastStatus } }

    /// The last reply as it was sent; empty before the first, and when the transaction is over.
    package var lastReplyBytes: [UInt8] { lock.withLock { lastReply } }

    package var isLastReplyMadeHere: Bool { lock.withLock { isLastReplyLocal } }

    /// A final reply was sent upstream.
    package var isAnswered: Bool { lock.withLock { isServer ? !server.isOpen : fork.phase == .answered } }

    /// `place:serial`, as management shows it.
    package var identity: (place: UInt32, serial: UInt32) { (place, serial) }

    /// `fr_timeout` of this transaction in milliseconds.
    package var finalResponseTimeout: UInt32 {
        get { lock.withLock { settings.finalResponse } }
        set { lock.withLock { settings.finalResponse = newValue } }
    }

    /// `fr_inv_timeout` of this transaction in milliseconds; takes effect with the next provisional response.
    package var finalInviteResponseTimeout: UInt32 {
        get { lock.withLock { settings.finalInviteResponse } }
        set { lock.withLock { settings.finalInviteResponse = newValue } }
    }

    /// Has the transaction stay for every 2xx that an INVITE of it may still bring (RFC 6026 §8.7), when only its observers or its
    /// agent can do what is due with one. Before the first 2xx.
    package func awaitLateAnswers() {
        lock.withLock { settings.keepAccepted() }
    }

    /// Headers, with their line ends, for every request that leaves for this transaction.
    package func addHeaders(_ headers: ByteString) {
        lock.withLock { extraHeaders = extraHeaders.isEmpty ? headers : extraHeaders + headers }
    }

    /// A whole `Reason` header for the CANCELs that leave for this transaction.
    package func setCancelReason(_ header: ByteString) {
        lock.withLock { cancelReason = header }
    }

    package var branchCount: Int { lock.withLock { branches.count } }

    /// What is known of one branch; nil when there is none with that index.
    package func branch(_ index: Int) -> BranchView? {
        lock.withLock {
            guard branches.indices.contains(index) else { return nil }
            let branch = branches[index]
            return BranchView(
                requestURI: branch.requestURI, destination: branch.destination, status: fork.status(of: index),
                isLocal: fork.isLocal(index), isPending: fork.isPending(index), response: branch.response,
                user: branch.user)
        }
    }

    /// Only the first address of each destination is tried.
    package func disableFailover() { lock.withLock { usesFailover = false } }

    /// The transaction does not end before `stopWaitingForBranches`, even if all its branches fail.
    ///
    /// - Parameter count: branches after whose injection the wait ends; 0: it ends with `fr_inv_timeout` only.
    package func waitForBranches(count: Int = 0) {
        lock.withLock {
            fork.isHeldOpen = true
            fork.awaitedCount = UInt8(clamping: count)
        }
    }

    /// A 2xx from one branch leaves the others ringing (RFC 3841 §9.1).
    package func keepBranchesOnSuccess() { lock.withLock { fork.keepsOthers = true } }
}

/// A branch as the transaction user sees it.
package struct BranchView {
    package let requestURI: ByteString
    package let destination: Destination
    /// The last status, 0 before any.
    package let status: Int
    /// The status was made here: timeout, send error.
    package let isLocal: Bool
    package let isPending: Bool
    package let response: Message?
    package let user: AnyObject?
}

/// How a request that was made here ended: the response, or nil with 408, 477 or 503 when there was none.
package typealias LocalCompletion = @Sendable (Message?, _ status: Int, StackWorker) -> Void
