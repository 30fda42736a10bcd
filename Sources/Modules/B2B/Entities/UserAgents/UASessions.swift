import Bytes
import Profiling
import Reactor
import RouteRuntime
import SIPDialog
import SIPMessage
import SIPStack
import SIPTransport
import Synchronization

/// All user agent sessions. Any process.
final class UASessions: Sendable {
    let entities: B2BEntities
    let events: EventOutlet
    let now: @Sendable () -> Int
    /// `ua_default_timeout`
    let lifeSeconds: Int
    /// `advertised_contact`
    private let advertisedContact: ByteString?
    /// The entities of all sessions, by key.
    private let all = Mutex<[ByteString: B2BEntity]>([:])
    private static let job = Site("ua_session", file: "b2b_entities", line: 1)

    init(_ environment: ModuleEnvironment, entities: B2BEntities) {
        self.entities = entities
        events = environment.events
        now = environment.now
        let parameters = environment.parameters
        lifeSeconds = min(
            max(1, parameters.integer("b2b_entities", "ua_default_timeout") ?? 12 * 3600), B2BSettings.secondsMax)
        advertisedContact = parameters.text("b2b_entities", "advertised_contact")
        environment.statistics.gauge(group: "b2b_entities", name: "ua_sessions") { [weak self] in self?.count ?? 0 }
        environment.every(milliseconds: 1000, "ua-session-timeout") { [weak self] in self?.expire() }
    }

    var count: Int { all.withLock { $0.count } }

    /// The entities of all sessions, or of the one with a key.
    func list(_ key: ByteString?) -> [B2BEntity] {
        all.withLock { all in key.map { all[$0].map { [$0] } ?? [] } ?? Array(all.values) }
    }

    private func remember(_ entity: B2BEntity) { all.withLock { $0[entity.key] = entity } }

    func forget(_ entity: B2BEntity) { all.withLock { $0[entity.key] = nil } }

    // MARK: beginnings

    /// Takes an INVITE: the session's entity, whose INVITE waits for an answer. nil: it was answered, here with the reason, or
    /// meanwhile.
    func serve(
        _ message: Message, _ transaction: Transaction, flags: UASessionFlags, extra: ByteString?,
        beganBy: SessionLink, _ worker: StackWorker
    ) -> B2BEntity? {
        let listener = worker.listener(of: transaction)
        guard AgentDialog(request: message, localTag: .empty) != nil else {
            worker.reply(transaction, status: 400, reason: "Bad Request")
            return nil
        }
        let session = UASession(self, flags: flags, beganBy: beganBy)
        var isFree = true
        let made = session.turns.takeNow(worker) { () -> B2BEntity? in
            guard
                let entity = entities.makeServer(
                    message, contact: LocalContact(of: listener, entities.host), socket: listener, id: "ua",
                    owner: session)
            else { return nil }
            guard entities.adopt(transaction, by: entity, worker) else {
                entity.delete(worker)
                isFree = false
                return nil
            }
            entity.invite = transaction
            remember(entity)
            // In the turn: its end, by a CANCEL that has come meanwhile, is told behind it.
            if !flags.isNewSilent { session.raise(.new, message, entity, extra: extra) }
            return entity
        }
        guard let entity = made ?? nil else {
            guard isFree else { return nil }
            worker.reply(transaction, status: 503, reason: "Too Many Entities", headers: "Retry-After: 5\r\n")
            return nil
        }
        return entity
    }

    /// Calls somebody: the key of the session, or nil when there are too many entities.
    func call(_ order: UACallOrder, _ worker: StackWorker) -> ByteString? {
        let host = entities.host
        let listener = host.listener(to: order.proxy ?? order.requestURI, like: order.socket ?? host.sockets.first)
        let contact =
            advertisedContact.map { LocalContact($0.withScheme.bracketed, isGiven: true) }
            ?? LocalContact(of: listener, host)
        let plan = ClientPlan(
            from: order.from, to: order.to, target: order.requestURI, proxy: order.proxy, contact: contact,
            socket: listener)
        let session = UASession(self, flags: order.flags, beganBy: .none)
        let key = session.turns.takeNow(worker) { () -> ByteString? in
            guard let entity = entities.makeClient(plan, id: "ua", owner: session, worker) else { return nil }
            remember(entity)
            entity.send(
                "INVITE", lines: order.content.lines, body: order.content.body,
                contentType: order.content.contentType, purpose: .pass, site: B2BSites.initialRequest, worker)
            entity.publish()
            return entity.key
        }
        return key ?? nil
    }

    // MARK: orders

    /// Has a session do something on its turn. `completion` is called once, on the process that has the turn, with nil when it was
    /// done.
    func act(
        _ key: ByteString, records: SessionLink = .none, _ worker: StackWorker,
        _ body: @escaping @Sendable (UASession, B2BEntity, StackWorker) throws(UAOrderError) -> Void,
        completion: @escaping @Sendable (UAOrderError?) -> Void
    ) {
        guard let entity = entities.entity(key: key), let session = entity.owner as? UASession else {
            return completion(.noSession)
        }
        let isTaken = session.turns.take(worker) { worker, turn in
            let failure: UAOrderError?
            if entity.state == .terminated {
                failure = .noSession
            } else {
                session.records = records == .none ? session.beganBy : records
                do throws(UAOrderError) {
                    try body(session, entity, worker)
                    failure = nil
                } catch {
                    failure = error
                }
                if entity.state != .terminated { entity.publish() }
            }
            turn.end()
            completion(failure)
        }
        if !isTaken { completion(.busy) }
    }

    /// Runs on a SIP process. False when it takes no more jobs.
    func onProcess(_ body: @escaping @Sendable (StackWorker) -> Void) -> Bool {
        entities.onProcess(Self.job, body)
    }

    /// Ends sessions whose life is over. On the timer process.
    private func expire() {
        let now = now()
        let over = all.withLock { all in
            all.isEmpty ? [] : all.values.filter { ($0.owner as? UASession).map { $0.endsAt <= now } ?? false }
        }
        guard !over.isEmpty else { return }
        _ = onProcess { [self] worker in
            for entity in over {
                act(entity.key, worker) { session, entity, worker in
                    session.expire(entity, "Lifetime over", worker)
                } completion: { _ in
                }
            }
        }
    }
}

/// A call that a controller wants made.
struct UACallOrder: Sendable {
    var requestURI: ByteString
    /// Values of From and To, without tags.
    var from: ByteString
    var to: ByteString
    var proxy: ByteString?
    var content: UAContent
    var flags: UASessionFlags
    var socket: ListenSocket?
}

extension ByteString {
    /// A URI as it is, or `user@host` made one.
    fileprivate var withScheme: ByteString {
        hasPrefixIgnoringCase("sip:") || hasPrefixIgnoringCase("sips:") || contains(UInt8(ascii: "<"))
            ? self : "sip:" + self
    }
}
