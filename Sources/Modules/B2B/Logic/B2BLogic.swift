import Bytes
import Profiling
import Reactor
import RouteLanguage
import RouteRuntime
import SIPMessage
import SIPStack
import SIPTransport

/// All sessions of `b2b_logic`, and what makes and ends them. Shared by all processes; constant but for the table.
package final class B2BLogic: @unchecked Sendable {
    // @unchecked: `engine`'s routes are looked up once, before traffic; the rest is constant or takes care of itself.

    let entities: B2BEntities
    let host: ScriptHost
    let settings: B2BSettings
    let now: @Sendable () -> Int
    let log: @Sendable (ScriptLogLevel, String) -> Void
    private let sessions: KeyedTable<B2BSession>
    /// Names of the routes for sessions that name none.
    let requestRoute: ByteString?
    let replyRoute: ByteString?
    private static let job = Site("b2b_logic", file: "b2bl_clean", line: 1)

    init(_ environment: ModuleEnvironment, entities: B2BEntities) throws(ModuleError) {
        self.entities = entities
        host = entities.host
        settings = try B2BSettings(environment.parameters)
        now = environment.now
        log = environment.log
        sessions = KeyedTable(bits: settings.hashBits, countMax: settings.sessionsMax)
        let parameters = environment.parameters
        requestRoute =
            parameters.text("b2b_logic", "script_req_route") ?? parameters.text("b2b_entities", "script_req_route")
        replyRoute =
            parameters.text("b2b_logic", "script_reply_route") ?? parameters.text("b2b_entities", "script_reply_route")
        environment.statistics.gauge(group: "b2b_logic", name: "sessions") { [sessions] in sessions.count }
        environment.every(milliseconds: settings.cleanupSeconds * 1000, "b2bl-clean") { [weak self] in self?.cleanUp() }
    }

    var sessionCount: Int { sessions.count }
    var all: [B2BSession] { sessions.all }
    var isFull: Bool { sessions.count >= sessions.countMax }

    /// A new session; nil when there are too many.
    func makeSession(
        scenario: ByteString, requestRoute: RouteHandle?, replyRoute: RouteHandle?, isAuthTransparent: Bool = false,
        avps: AVPStore, beganBy: SessionLink
    ) -> B2BSession? {
        guard let place = sessions.freeKey() else { return nil }
        let session = B2BSession(
            self, at: place, scenario: scenario, requestRoute: requestRoute, replyRoute: replyRoute,
            isAuthTransparent: isAuthTransparent, avps: avps, beganBy: beganBy)
        return sessions.add(session, at: place) ? session : nil
    }

    func remove(_ session: B2BSession) { sessions.remove(session, at: session.tableKey) }

    /// By its key, or by one of its dialogs as `callid;from-tag;to-tag`.
    func session(named name: ByteString) -> B2BSession? {
        if let key = SessionKeys.read(name) { return sessions.find(key) }
        return entities.entity(triple: name)?.owner as? B2BSession
    }

    /// Runs on a SIP process. False when it takes no more jobs.
    @discardableResult
    func onProcess(_ body: @escaping @Sendable (StackWorker) -> Void) -> Bool {
        entities.onProcess(Self.job, body)
    }

    /// Ends sessions whose life is over. On the timer process.
    private func cleanUp() {
        let now = now()
        let over = sessions.all.filter { $0.endsAt <= now }
        guard !over.isEmpty else { return }
        onProcess { worker in
            for session in over { session.act(worker) { session, worker in session.end(worker) } }
        }
    }
}

/// What a `b2b_logic` route is about. Belongs to the session's turn.
final class B2BCurrent {
    let session: B2BSession
    let entity: B2BEntity
    /// Whom the entity talked with when the message came: `peer` in scripts.
    let peer: B2BEntity?
    var request: InboundRequest?
    /// Of `request`; an ACK has none.
    var transaction: Transaction?
    var response: AgentResponse?
    var sent: OutgoingRequest?
    /// The message was passed on, answered or used.
    var isHandled = false
    /// A request that was passed on, or answered in the course of that.
    var isPassed = false

    init(
        session: B2BSession, entity: B2BEntity, request: InboundRequest? = nil, transaction: Transaction? = nil,
        response: AgentResponse? = nil, sent: OutgoingRequest? = nil
    ) {
        self.session = session
        self.entity = entity
        peer = entity.peer
        self.request = request
        self.transaction = transaction
        self.response = response
        self.sent = sent
    }
}

/// What `b2b_logic` keeps with a message.
struct B2BTurnState {
    /// The session that the message belongs to, inside its routes.
    var current: B2BCurrent?
    /// The session that `b2b_init_request()` made of the request.
    var session: B2BSession?
    /// What `b2b_server_new()` and `b2b_client_new()` prepared.
    var server: ServerDraft?
    var clients: [ClientDraft] = []
    /// `$b2b_logic.ctx` before there is a session.
    var values: [(name: ByteString, value: Value)] = []
}

/// What `b2b_server_new()` prepared.
struct ServerDraft {
    var id: ByteString
    var contact: ByteString?
    var extraLines = ByteString.empty
}

/// What `b2b_client_new()` prepared.
struct ClientDraft {
    var id: ByteString
    var target: ByteString
    var proxy: ByteString?
    var displayName: ByteString?
    var contact: ByteString?
    var extraLines = ByteString.empty
    var passesLegs = false
}

extension ScriptHost {
    /// The context of a response to a request that was made here.
    func context(of response: Message, _ transaction: Transaction?, _ worker: StackWorker) -> MessageContext {
        let origin = transaction.map { worker.origin(of: $0) }
        let socket = scriptSocket(origin?.socket)
        let context = MessageContext(
            message: response, source: origin?.address ?? SocketAddress(127, 0, 0, 1, port: 0),
            sourceTransport: socket?.transport ?? "udp", socketIn: socket ?? scriptSockets.first)
        context.reply = response
        return context
    }
}

extension MessageContext {
    /// Makes tm's functions find the transaction of the message.
    func enterTransaction(_ transaction: Transaction) { makeTMState().begin(transaction) }
}
