package import Bytes
package import SIPMessage
package import SIPTransport

/// Watches what passes through one transaction and may change it: dialogs, topology hiding, accounting, restored From and To.
///
/// Set with `Transaction.observe` (or `MessageContext.observe` of the modules, when there is no transaction yet); let go when
/// the transaction is over. Called on the process that does the thing, in the order of setting, without a lock: calls about one
/// transaction may come from several processes at once. A transaction without observers pays a test for emptiness.
package protocol TransactionObserver: AnyObject, Sendable {
    /// A branch is about to be sent for the first time: `edits` are those of script and modules, Via and request URI apart.
    /// Failover to another address of the branch sends the same again and does not ask.
    func relaying(_ branch: RelayedBranch, _ edits: inout MessageEdits, _ worker: StackWorker)

    /// A reply above 100 came in, after the script's onreply routes, before it is forwarded. Edits go with it also when it waits
    /// to be chosen as the best. Called for every repetition of a 2xx.
    func received(_ reply: InboundReply, _ edits: inout MessageEdits, _ worker: StackWorker)

    /// All branches have ended without a 2xx, and `status` is the best that came of those tried last; `response` is nil when it stands for none. The
    /// failure route decides next what becomes of it: there may be other branches, that fail once more.
    func failed(_ transaction: Transaction, status: Int, response: Message?, _ worker: StackWorker)

    /// A final reply was sent upstream, once. `response` is nil when it was made here. Also told of a request other than INVITE that
    /// timed out, with 408, which is not sent (RFC 4320 §4.1).
    func answered(_ transaction: Transaction, status: Int, response: Message?, _ worker: StackWorker)

    /// The client cancelled (`request`), or something here did (nil). May come more than once.
    func cancelled(_ transaction: Transaction, by request: InboundRequest?, _ worker: StackWorker)

    /// The transaction is over; it was never answered if `answered` was not called.
    func ended(_ transaction: Transaction, _ worker: StackWorker)
}

extension TransactionObserver {
    package func relaying(_ branch: RelayedBranch, _ edits: inout MessageEdits, _ worker: StackWorker) {}
    package func received(_ reply: InboundReply, _ edits: inout MessageEdits, _ worker: StackWorker) {}
    package func failed(_ transaction: Transaction, status: Int, response: Message?, _ worker: StackWorker) {}
    package func answered(_ transaction: Transaction, status: Int, response: Message?, _ worker: StackWorker) {}
    package func cancelled(_ transaction: Transaction, by request: InboundRequest?, _ worker: StackWorker) {}
    package func ended(_ transaction: Transaction, _ worker: StackWorker) {}
}

/// A branch as its observers see it before it leaves.
package struct RelayedBranch {
    package let transaction: Transaction
    /// The transaction's request, as received.
    package let request: Message
    package let index: Int
    package let branch: OutgoingBranch
    /// The listener that it leaves by.
    package let socket: ListenSocket
}

extension Transaction {
    var currentObservers: [any TransactionObserver] { lock.withLock { observers } }

    /// Shows the observer what passes from now on. False when the transaction is over: it is not kept, and its `ended` is not
    /// called.
    @discardableResult
    package func observe(_ observer: any TransactionObserver) -> Bool {
        lock.withLock {
            if !isOver { observers.append(observer) }
            return !isOver
        }
    }

    /// The Vias of the request as they stand for replies: the top one says where the request came from (RFC 3261 §18.2.1,
    /// RFC 3581 §4). Header lines with their ends; empty when the transaction is over. For those who send the request on without
    /// them and have to put them back.
    package func viaLines(_ worker: StackWorker) -> ByteString {
        guard let request = originalRequest else { return .empty }
        return worker.viaLines(of: request, source: source, forcesRport: forcesRport)
    }
}
