import Bytes
import Profiling
import RouteRuntime
import SIPDialog
import SIPMessage
import SIPStack
import SIPTransport

/// A request that an entity sends, until its transaction is over.
final class OutgoingRequest: TransactionAgent, @unchecked Sendable {
    // @unchecked: what is private and changes is guarded by `lock`; `answers`, `isAnswered` and `authorizations`
    // belong to the turn of the entity's owner; the rest is constant.

    /// What the request is for, so that its response finds its place.
    enum Purpose: Sendable {
        /// Passes on what the peer asked.
        case pass
        /// A step of a bridge.
        /// A step of the session's bridge with a number.
        case bridge(BridgeStep, number: Int)
        /// Nobody waits for the answer: BYE, PRACK, NOTIFY of the server's own.
        case notice
    }

    let entity: B2BEntity
    let method: Method
    let methodText: ByteString
    let sequence: UInt32
    /// The dialog that it was sent in, as it was then.
    let dialog: AgentDialog
    let purpose: Purpose
    /// As it was sent, but for `authorizations`: to be sent again with credentials.
    let headers: ByteString
    let body: ByteString
    let contentType: ByteString
    /// Where credentials are looked for first.
    let avps: AVPStore?
    /// What of another entity waits for the answer.
    var answers: Transaction?
    /// A final response was seen.
    var isAnswered = false
    /// Of an INVITE: its ACK as it was sent, for repetition.
    var acknowledgement: (bytes: [UInt8], destination: Destination)? {
        get { lock.withLock { acknowledgementStored } }
        set { lock.withLock { acknowledgementStored = newValue } }
    }
    /// Answers to challenges that it carries.
    var authorizations: [Authorization] = []

    private let lock = StackLock()
    private var transaction: Transaction?
    private var isGivenUp = false
    private var hasFinal = false
    private var acknowledgementStored: (bytes: [UInt8], destination: Destination)?

    init(
        _ entity: B2BEntity, _ method: ByteString, sequence: UInt32, dialog: AgentDialog, purpose: Purpose,
        answers: Transaction?,
        headers: ByteString, body: ByteString, contentType: ByteString, avps: AVPStore?
    ) {
        self.entity = entity
        self.method = Method(method)
        methodText = method
        self.sequence = sequence
        self.dialog = dialog
        self.purpose = purpose
        self.answers = answers
        self.headers = headers
        self.body = body
        self.contentType = contentType
        self.avps = avps
    }

    func begin(_ transaction: Transaction, _ worker: StackWorker) {
        let givesUp = lock.withLock {
            self.transaction = transaction
            return isGivenUp
        }
        if givesUp { worker.giveUp(transaction) }
    }

    /// Whether a response is the first final one. To be asked once for each response, on any process.
    func isFirstFinal(_ response: AgentResponse) -> Bool {
        guard response.status >= 200 else { return false }
        return lock.withLock {
            defer { hasFinal = true }
            return !hasFinal
        }
    }

    /// CANCEL, as soon as there is something to cancel. Harmless when it is answered.
    func giveUp(_ worker: StackWorker) {
        let found: Transaction? = lock.withLock {
            guard !isGivenUp else { return nil }
            isGivenUp = true
            return transaction
        }
        if let found { worker.giveUp(found) }
    }

    func receive(_ response: AgentResponse, _ worker: StackWorker) {
        worker.probe.enter(B2BSites.replyReceived)
        entity.post(.response(response, self), worker)
        worker.probe.exit(B2BSites.replyReceived)
    }
}
