import Bytes
import Profiling
import RouteRuntime
import SIPMessage
import SIPStack

/// A session of back-to-back entities ("tuple"): two that talk with each other, and those that come and go around them.
///
/// Its affairs are decided in turns (`TurnQueue`); what others may ask at any moment is behind a lock.
final class B2BSession: EntityOwner, @unchecked Sendable {
    // @unchecked: `views`, `values` and `endsAtStored` are guarded by `lock`; constants need none; the rest belongs to the turn.

    /// In the order of its life: management counts by it.
    enum Phase: String, CaseIterable, Sendable {
        /// The first two are being put in contact.
        case setup
        case established
        /// A bridge is under way.
        case bridging
        case ended
    }

    // Constants.
    let logic: B2BLogic
    let tableKey: TableKey
    let key: ByteString
    let scenario: ByteString
    let requestRoute: RouteHandle?
    let replyRoute: RouteHandle?
    let isAuthTransparent: Bool
    let avps: AVPStore
    /// The session of records that made this one; later ones of the call name it.
    let beganBy: SessionLink
    let turns = TurnQueue()
    /// Second at which it began.
    let begunAt: Int

    // The turn.
    var phase = Phase.setup
    /// Those that talk with each other first: `[0]` and `[1]` of `$b2b_logic.entity`.
    var entities: [B2BEntity] = []
    var bridge: B2BBridge?
    /// Bridges that were begun; the last has this number.
    var bridgesBegun = 0
    /// What the bridge, or the end of the one before, asks as soon as it can.
    var putOff: [BridgeAsk] = []
    /// Attempts of a re-INVITE that met another one, since the bridge began or failed.
    var collisions = 0
    var records: SessionLink

    private let lock = StackLock()
    private var views: [EntityView] = []
    private var values: [(name: ByteString, value: Value)] = []
    private var phaseStored = Phase.setup
    private var endsAtStored = Int.max

    init(
        _ logic: B2BLogic, at tableKey: TableKey, scenario: ByteString, requestRoute: RouteHandle?,
        replyRoute: RouteHandle?, isAuthTransparent: Bool, avps: AVPStore, beganBy: SessionLink
    ) {
        self.logic = logic
        self.tableKey = tableKey
        key = SessionKeys.text(tableKey)
        self.scenario = scenario
        self.requestRoute = requestRoute
        self.replyRoute = replyRoute
        self.isAuthTransparent = isAuthTransparent
        self.avps = avps
        self.beganBy = beganBy
        begunAt = logic.now()
        records = beganBy
    }

    var settings: B2BSettings { logic.settings }

    // MARK: what everybody may ask

    var entityViews: [EntityView] { lock.withLock { views } }
    var publishedPhase: Phase { lock.withLock { phaseStored } }

    /// Second at which the session's life is over.
    var endsAt: Int {
        get { lock.withLock { endsAtStored } }
        set { lock.withLock { endsAtStored = newValue } }
    }

    /// Values of `$b2b_logic.ctx` that one session may have.
    static let valuesMax = 128

    func value(_ name: ByteString) -> Value {
        lock.withLock { values.first { $0.name == name }?.value ?? .null }
    }

    /// NULL removes it. False when there are too many.
    func set(_ name: ByteString, _ value: Value) -> Bool {
        lock.withLock {
            values.removeAll { $0.name == name }
            guard !value.isNull else { return true }
            guard values.count < Self.valuesMax else { return false }
            values.append((name, value))
            return true
        }
    }

    var allValues: [(name: ByteString, value: Value)] { lock.withLock { values } }

    // MARK: turns

    func handle(_ event: EntityEvent, _ entity: B2BEntity, _ worker: StackWorker, _ turn: Turn) {
        records = beganBy
        guard phase != .ended else {
            if case .request(_, let transaction?) = event {
                worker.reply(transaction, status: 481, reason: "Call/Transaction Does Not Exist")
            }
            turn.end()
            return
        }
        switch event {
        case .request(let request, let transaction):
            let site = entity.isServer ? B2BSites.serverRequest : B2BSites.clientRequest
            worker.probe.enter(site)
            receive(request, transaction, entity, worker, turn)
            worker.probe.exit(site)
        case .response(let response, let request):
            let site = entity.isServer ? B2BSites.serverReply : B2BSites.clientReply
            worker.probe.enter(site)
            receive(response, request, entity, worker, turn)
            worker.probe.exit(site)
        case .cancelled(let transaction, _):
            cancelled(transaction, entity, worker)
            settle(turn)
        case .unacknowledged:
            unacknowledged(entity, worker)
            settle(turn)
        }
    }

    /// Does something in a turn of its own, however many wait: what a timer or a command wants is not asked for again.
    func act(_ worker: StackWorker, _ body: @escaping @Sendable (B2BSession, StackWorker) -> Void) {
        turns.take(worker, isVital: true) { [self] worker, turn in
            if phase != .ended { body(self, worker) }
            settle(turn)
        }
    }

    /// Ends a turn: tells everybody how things stand, and ends the session when nobody is left in it.
    func settle(_ turn: Turn) {
        settle(turn.worker)
        turn.end()
    }

    func settle(_ worker: StackWorker) {
        if let bridge, bridge.old.state == .terminated || bridge.new.state == .terminated {
            // A route ended one of both.
            fail(bridge, status: 480, worker)
        }
        for entity in entities where entity.state != .terminated { tidy(entity, worker) }
        askPutOff(worker)
        entities.removeAll { $0.state == .terminated }
        if entities.isEmpty, phase != .ended {
            phase = .ended
            bridge = nil
            putOff = []
            logic.remove(self)
        }
        for entity in entities { entity.publish() }
        let fresh = entities.map(\.view)
        lock.withLock {
            views = fresh
            phaseStored = phase
        }
    }

    /// An INVITE is given up when who asked for it has an answer; one that nobody will answer any more is answered; who was called
    /// in vain, and is in no bridge, goes.
    private func tidy(_ entity: B2BEntity, _ worker: StackWorker) {
        if let sent = entity.inviteSent, !sent.isAnswered, sent.answers?.isAnswered ?? false { sent.giveUp(worker) }
        guard bridge?.involves(entity) != true else { return }
        guard entity.isServer || entity.inviteSent != nil || entity.state == .confirmed else {
            return entity.delete(worker)
        }
        guard let waiting = entity.invite, !entities.contains(where: { $0.inviteSent?.answers === waiting }) else {
            return
        }
        if entity.state == .confirmed {
            entity.reply(waiting, 487, "Request Terminated", site: B2BSites.ownReply, worker)
        } else {
            entity.hangUp(worker)
        }
    }

    /// The session's life is over: BYE to dialogs, CANCEL to what rings, an answer to who waits.
    func end(_ worker: StackWorker, status: Int = 480, reason: ByteString = "Temporarily Unavailable") {
        bridge = nil
        putOff = []
        for entity in entities { entity.hangUp(worker, status: status, reason: reason) }
        settle(worker)
    }

    /// The first two have each other.
    func establishIfDone() {
        guard phase == .setup, entities.count >= 2, entities.prefix(2).allSatisfy({ $0.state == .confirmed }) else {
            return
        }
        phase = .established
        limitLife(seconds: settings.durationMaxSeconds)
    }

    /// The session ends after so many seconds from now; 0: never.
    func limitLife(seconds: Int) {
        endsAt = seconds > 0 ? logic.now() + seconds : .max
    }
}

extension B2BEntity {
    /// Ends whatever state the dialog is in, and deletes the entity.
    func hangUp(
        _ worker: StackWorker, status: Int = 480, reason: ByteString = "Temporarily Unavailable",
        lines: ByteString = .empty
    ) {
        if let invite, state != .confirmed || !invite.isAnswered {
            reply(invite, status, reason, site: B2BSites.ownReply, worker)
        }
        inviteSent.map { sent in
            if sent.isAnswered, state == .confirmed { acknowledge(sent, worker) } else { sent.giveUp(worker) }
        }
        if state == .confirmed, !isHangingUp { bye(worker, lines: lines) }
        delete(worker)
    }

    /// Sends a BYE that nobody waits for.
    func bye(_ worker: StackWorker, lines: ByteString = .empty) {
        send("BYE", lines: lines, purpose: .notice, site: B2BSites.dialogRequest, worker)
    }
}
