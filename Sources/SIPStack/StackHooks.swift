import Bytes
package import Reactor
package import SIPMessage
package import SIPTransaction
package import SIPTransport

/// A request as it came in, on the process that received it.
package struct InboundRequest: Sendable {
    package let message: Message
    package let source: SocketAddress
    package let socket: ListenSocket
    /// When the kernel took it, in nanoseconds of the wall clock; 0 when it did not say.
    package let kernelNanoseconds: Int64
    /// The connection it came over, where replies go.
    package let connection: ConnectionID
    /// Replies go over that connection or not at all (`tcp_no_new_conn_rplflag`).
    package var repliesReuseOnly = false

    package init(
        message: Message, source: SocketAddress, socket: ListenSocket, kernelNanoseconds: Int64 = 0,
        connection: ConnectionID = .none
    ) {
        self.message = message
        self.source = source
        self.socket = socket
        self.kernelNanoseconds = kernelNanoseconds
        self.connection = connection
    }
}

/// A reply as it came in.
package struct InboundReply: Sendable {
    package let message: Message
    package let source: SocketAddress
    package let socket: ListenSocket
    /// nil: no transaction waits for it.
    package let transaction: Transaction?
    /// Index of the branch that it answers; 0 without a transaction.
    package let branch: Int
}

/// What the reply hook decides.
package struct ReplyVerdict: Sendable {
    /// The reply goes no further. Without a transaction any reply may be dropped, with one only a provisional one.
    package var isDropped: Bool
    /// Changes to the reply, to be made when it is forwarded.
    package var edits: MessageEdits

    package init(isDropped: Bool = false, edits: MessageEdits = MessageEdits()) {
        self.isDropped = isDropped
        self.edits = edits
        self.edits.admitServer()
    }

    package static let pass = ReplyVerdict()
}

/// What the stack asks its user. Set once, before traffic; called on the process that serves the message.
///
/// The stack holds no lock while a hook runs. Hooks with a continuation may call it later, once, on the same process.
package struct StackHooks: Sendable {
    /// Every request from the network, also retransmissions, ACKs and CANCELs: the user looks up and absorbs.
    package var request: @Sendable (InboundRequest, StackWorker) -> Void
    /// A reply before it is forwarded, of transactions that ask for it (`Transaction.showsReplies`), and all others too
    /// when `showsAllReplies`.
    package var reply: @Sendable (InboundReply, StackWorker, @escaping (ReplyVerdict) -> Void) -> Void = {
        _, _, next in next(.pass)
    }
    package var showsAllReplies = false
    /// All branches failed and the transaction asks for it (`Transaction.showsFailure`): the user may add branches or
    /// reply; then it continues.
    package var failure: @Sendable (Transaction, BestResponse, StackWorker, @escaping () -> Void) -> Void = {
        _, _, _, next in next()
    }
    /// What the process does now, asked when it makes a request.
    package var cause: (@Sendable (StackWorker) -> RequestCause)?
    /// A request that is made here, before it is sent. Nil drops it.
    package var localRequest:
        (@Sendable (Message, Transaction, StackWorker, @escaping (MessageEdits?) -> Void) -> Void)?
    /// Jobs before the request hook; false ends the request's processing. Only when there are some does
    /// `request_pre_script` show among the records.
    package var preScript: [@Sendable (InboundRequest, StackWorker) -> Bool] = []
    /// A request whose first line could be read but not the rest (`MessageError.partial`). True: it was seen to; false: the
    /// stack answers what can be answered.
    package var badRequest: (@Sendable (MessageError, InboundRequest, StackWorker) -> Bool)?

    package init(request: @escaping @Sendable (InboundRequest, StackWorker) -> Void) {
        self.request = request
    }
}
