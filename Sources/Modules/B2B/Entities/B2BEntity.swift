import Bytes
import RouteRuntime
import SIPDialog
import SIPMessage
import SIPStack
import SIPTransport

/// One dialog that the server has itself: as the answering side of its first INVITE (server entity) or the asking one (client).
///
/// Found by key from any process; what changes belongs to the turn of its owner, also when it is gone. `view` is for everybody.
final class B2BEntity: TransactionOwner, @unchecked Sendable {
    // @unchecked: `ownerStored` and `viewStored` are guarded by `lock`; constants need none; the rest belongs to `turns`.

    /// In the order of its life: management counts by it.
    enum State: String, CaseIterable, Sendable {
        case new, early, confirmed, terminated
    }

    // Constants.
    let service: B2BEntities
    let isServer: Bool
    let tableKey: TableKey
    /// As messages show it: Call-ID of a client entity, To tag of a server entity.
    let key: ByteString
    let callID: ByteString
    let contact: LocalContact
    let socket: ListenSocket?
    let outboundProxy: ByteString?
    /// The owner's. What still comes for an entity that is deleted takes its turn there too.
    let turns: TurnQueue

    // The owner's turn.
    /// What the script calls it.
    var id: ByteString
    /// Of a server entity: the To tag of what the script replied before there was one.
    var scriptTag: ByteString?
    var dialog: AgentDialog
    /// Of a client entity: the dialogs that forks of the far end began, oldest first; each knows the far end's numbers and target.
    var legs: [AgentDialog] = []
    /// Tags of forks that answered too late and were ended.
    var endedForks: [ByteString] = []
    var state = State.new
    /// The entity that it talks with.
    var peer: B2BEntity?
    /// The INVITE of the far end that waits for an answer.
    var invite: Transaction?
    /// The INVITE that was sent to the far end and waits for an answer, or for the peer's ACK.
    var inviteSent: OutgoingRequest?
    /// The last INVITE that was answered 2xx: its ACK answers repeated 2xx.
    var inviteDone: OutgoingRequest?
    /// The number of the far end's INVITE that was answered 2xx last: that of its ACK.
    var inviteAnswered: UInt32?
    /// The peer's BYE was passed on to the far end.
    var isHangingUp = false
    /// The 2xx, or reliable provisional response, of ours that is repeated.
    var repeater: AnswerRepeater?
    /// What `repeater` repeats is a 2xx.
    var repeatsFinal = false
    /// The last session description that came from the far end, and its type.
    var media = B2BMedia()
    /// Header lines for requests to the far end (`extra_hdrs`).
    var extraLines = ByteString.empty
    /// Contact parameters of the far end that are passed on (`custom_contact_header_params`).
    var contactParameters = ByteString.empty
    /// Tags by which the caller knows the callee's forks (`pass-legs-upstream`).
    var passesLegs = false
    /// Of a client entity: the fork as which the caller knows its first dialog. Above 0 when somebody else was called before.
    var legBase = 0
    /// Of a server entity: forks that its far end has seen.
    var legsShown = 0
    /// What the server has changed of a session description on its way to the far end.
    var versionShift: VersionShift?
    /// The reliable provisional responses to the INVITE of the far end.
    var reliableAnswers: ReliableAnswers?
    /// Answers to that INVITE that wait for a PRACK, in their order.
    var heldAnswers: [HeldAnswer] = []
    /// The early dialog in which an answer to the first offer went through, by the tag of who answers; it counts when the
    /// PRACK is through too.
    var answeredTag: ByteString?
    /// The same, once that is so (RFC 3262 §5).
    var agreedTag: ByteString?
    /// The last RSeq of each fork's reliable responses to the INVITE with the number `reliableSequence`.
    var reliable: [(rseq: UInt32, remoteTag: ByteString)] = []
    var reliableSequence: UInt32 = 0

    private let lock = StackLock()
    private var ownerStored: (any EntityOwner)?
    private var viewStored: EntityView

    init(
        _ service: B2BEntities, isServer: Bool, at tableKey: TableKey, key: ByteString, dialog: AgentDialog,
        contact: LocalContact,
        socket: ListenSocket?, outboundProxy: ByteString?, id: ByteString, owner: any EntityOwner
    ) {
        self.service = service
        self.isServer = isServer
        self.tableKey = tableKey
        self.key = key
        self.dialog = dialog
        callID = dialog.callID
        self.contact = contact
        self.socket = socket
        self.outboundProxy = outboundProxy
        self.id = id
        ownerStored = owner
        turns = owner.turns
        viewStored = EntityView(key: key, id: id, callID: dialog.callID, isServer: isServer)
        publish()
    }

    /// nil once it is deleted.
    var owner: (any EntityOwner)? { lock.withLock { ownerStored } }

    /// What everybody may know.
    var view: EntityView { lock.withLock { viewStored } }

    /// Brings `view` up to date.
    func publish() {
        let fresh = EntityView(
            key: key, id: id, callID: callID, isServer: isServer, localTag: dialog.localTag,
            remoteTag: dialog.remoteTag ?? .empty, state: state, peer: peer?.key, peerTriple: peer?.triple,
            localAddress: dialog.localAddress, remoteAddress: dialog.remoteAddress, target: dialog.remoteTarget,
            sequence: Int(dialog.localSequence), isBridgeable: isBridgeable)
        lock.withLock { viewStored = fresh }
    }

    /// `callid;from-tag;to-tag`
    private var triple: ByteString {
        let from = isServer ? dialog.remoteTag ?? .empty : dialog.localTag
        let to = isServer ? dialog.localTag : dialog.remoteTag ?? .empty
        return callID + ";" + from + ";" + to
    }

    // MARK: events

    func cancelled(_ transaction: Transaction, by request: InboundRequest?, _ worker: StackWorker) {
        post(.cancelled(transaction, request), worker)
    }

    /// Has the owner handle an event, in its turn. An entity without an owner ends what still comes for it.
    func post(_ event: EntityEvent, _ worker: StackWorker) {
        let box = EventBox(event)
        let isTaken = turns.take(worker, isVital: isVital(event)) { [self] worker, turn in
            if let owner { return owner.handle(box.event, self, worker, turn) }
            endAlone(box.event, worker)
            turn.end()
        }
        if !isTaken { refuse(event, worker) }
    }

    /// Nobody would say it again: there is one first final response to a request, one CANCEL, one end of a repetition.
    private func isVital(_ event: EntityEvent) -> Bool {
        switch event {
        case .request: false
        case .response(let response, let request): request.isFirstFinal(response)
        case .cancelled, .unacknowledged: true
        }
    }

    /// Too much waits for the owner's turn: a request is told so, anything else is as if it were lost, and comes again.
    private func refuse(_ event: EntityEvent, _ worker: StackWorker) {
        service.log(
            .warning, "b2b_entities: \(TurnQueue.waitingMax) messages wait for the turn of \(key): one more is refused")
        guard case .request(_, let transaction?) = event else { return }
        worker.reply(transaction, status: 503, reason: "Session Busy", headers: "Retry-After: 1\r\n")
    }

    /// The entity is gone: a 2xx that comes late is acknowledged and its dialog ended (RFC 3261 §13.2.2.4), a request refused.
    private func endAlone(_ event: EntityEvent, _ worker: StackWorker) {
        switch event {
        case .request(_, let transaction?):
            worker.reply(transaction, status: 481, reason: "Call/Transaction Does Not Exist")
        case .response(let response, let request):
            // A BYE that is challenged ends the call for the far end only with credentials.
            if request.method == .bye, learn(response, request, worker), retry(response, request, worker) { return }
            answerWaiting(response, request, worker)
            guard request.method == .invite, (200..<300).contains(response.status), let message = response.message
            else {
                return
            }
            endFork(message, request, worker)
        default: break
        }
    }

    /// Who asked what was passed on here is not left without an answer (RFC 3261 §15.1.2). INVITEs are seen to at once (`delete`).
    private func answerWaiting(_ response: AgentResponse, _ request: OutgoingRequest, _ worker: StackWorker) {
        guard response.status >= 200, request.method != .invite, let waiting = request.answers else { return }
        if request.method == .bye {
            worker.reply(waiting, status: 200, reason: "OK")
        } else {
            worker.reply(waiting, status: 487, reason: "Request Terminated")
        }
    }

    /// Acknowledges a 2xx that nobody wants and ends the dialog that it made.
    func endFork(_ response: Message, _ request: OutgoingRequest, _ worker: StackWorker) {
        var fork = dialog
        if dialog.isConfirmed { fork = freshFork }
        fork.receive(response)
        send(acknowledging: request, in: &fork, body: .empty, contentType: .empty, worker) { _, _ in }
        // It comes again when its ACK was lost; the BYE takes care of itself.
        let tag = response.toTag?.compacted() ?? .empty
        guard !endedForks.contains(tag), endedForks.count < Self.legsMax else { return }
        endedForks.append(tag)
        _ = send("BYE", in: &fork, purpose: .notice, worker)
    }

    /// A dialog as it was before the far end answered.
    var freshFork: AgentDialog {
        AgentDialog(
            callID: callID, localAddress: dialog.localAddress, localTag: dialog.localTag,
            remoteAddress: dialog.remoteAddress, target: dialog.remoteTarget, sequence: dialog.localSequence)
    }

    /// Takes the entity out of everything. An INVITE of the far end that waits is answered, one to the far end given up. On the
    /// owner's turn.
    func delete(_ worker: StackWorker) {
        guard state != .terminated else { return }
        if let invite { reply(invite, 487, "Request Terminated", site: B2BSites.ownReply, worker) }
        settleInvite(worker)
        state = .terminated
        repeater?.stop()
        repeater = nil
        peer?.peer = peer?.peer === self ? nil : peer?.peer
        peer = nil
        invite = nil
        inviteSent = nil
        inviteDone = nil
        heldAnswers = []
        service.remove(self)
        lock.withLock { ownerStored = nil }
        publish()
    }
}

/// Carries an event into a turn.
private final class EventBox: @unchecked Sendable {
    // @unchecked: written before the turn, read in it.
    let event: EntityEvent
    init(_ event: EntityEvent) { self.event = event }
}

/// What everybody may know of an entity.
struct EntityView: Sendable {
    var key: ByteString
    var id: ByteString
    var callID: ByteString
    var isServer: Bool
    var localTag = ByteString.empty
    var remoteTag = ByteString.empty
    var state = B2BEntity.State.new
    var peer: ByteString?
    var peerTriple: ByteString?
    var localAddress = ByteString.empty
    var remoteAddress = ByteString.empty
    var target = ByteString.empty
    var sequence = 0
    var isBridgeable = false

    /// Of the request that made the dialog.
    var fromTag: ByteString { isServer ? remoteTag : localTag }
    var toTag: ByteString { isServer ? localTag : remoteTag }
}
