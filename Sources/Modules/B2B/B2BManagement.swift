import Bytes
import RouteLanguage
import RouteRuntime
import SIPMessage
import SIPStack
import SIPTransport

/// What management commands know and do of the B2B modules: `b2b_logic:*`, `b2b_entities:list`.
///
/// Any thread may call. What changes something is done on a SIP process.
package struct B2BManagement: Sendable {
    /// A state as people read it, and as the peer's tools do: its number in the order of a life, from 0.
    package struct State: Sendable {
        package let word: String
        package let number: Int
    }

    /// An entity as management shows it.
    package struct Entity: Sendable {
        package let key, id, callID, fromTag, toTag, fromURI, toURI, target: String
        /// Values of From and To, without tags.
        package let from, to: String
        package let isServer: Bool
        package let state: State
        package let sequence: Int
        package let peer: String?
    }

    /// A session as management shows it.
    package struct Session: Sendable {
        package let id: Int
        package let key, scenario: String
        package let phase: State
        /// Seconds since its first INVITE.
        package let age: Int
        /// Seconds that are left; 0 without a limit.
        package let lifetime: Int
        package let entities: [Entity]
        package let values: [(name: String, value: String)]
    }

    private let entities: B2BEntities
    private let logic: B2BLogic?
    package let userAgents: UASessionManagement

    init(entities: B2BEntities, logic: B2BLogic?, userAgents: UASessionManagement) {
        self.entities = entities
        self.logic = logic
        self.userAgents = userAgents
    }

    package var hasLogic: Bool { logic != nil }

    package var allEntities: [Entity] {
        (entities.serverEntities + entities.clientEntities).map { Self.show($0.view) }
    }

    package func sessions(from index: Int, most: Int) -> [Session] {
        guard let logic else { return [] }
        return logic.all.dropFirst(index).prefix(most).map { session in
            Session(
                id: Int(session.tableKey.number), key: session.key.string, scenario: session.scenario.string,
                phase: State(session.publishedPhase), age: max(0, logic.now() - session.begunAt),
                lifetime: session.endsAt == .max ? 0 : max(1, session.endsAt - logic.now()),
                entities: session.entityViews.map(Self.show),
                values: session.allValues.map { ($0.name.string, $0.value.text?.string ?? "") })
        }
    }

    static func show(_ view: EntityView) -> Entity {
        let from = view.isServer ? view.remoteAddress : view.localAddress
        let to = view.isServer ? view.localAddress : view.remoteAddress
        return Entity(
            key: view.key.string, id: view.id.string, callID: view.callID.string, fromTag: view.fromTag.string,
            toTag: view.toTag.string, fromURI: from.uriOfAddress.string, toURI: to.uriOfAddress.string,
            target: view.target.string, from: from.string, to: to.string, isServer: view.isServer,
            state: State(view.state), sequence: view.sequence,
            peer: view.peer?.string)
    }

    /// Ends a session. False when there is none of that name.
    package func terminate(_ name: String) -> Bool {
        guard let logic, let session = logic.session(named: ByteString(name)) else { return false }
        return logic.onProcess { worker in session.act(worker) { session, worker in session.end(worker) } }
    }

    package enum BridgeError: Error { case noSession, badURI, badMediaURI, busy }

    /// Bridges the caller (or the callee) of a session to a new destination.
    package func bridge(_ name: String, to uri: String, callee: Bool, media: String?) throws(BridgeError) {
        guard SIPURI(ByteString(uri)) != nil else { throw .badURI }
        guard media.map({ SIPURI(ByteString($0)) != nil }) ?? true else { throw .badMediaURI }
        guard let logic, let session = logic.session(named: ByteString(name)) else { throw .noSession }
        let views = session.entityViews
        let isReady =
            session.publishedPhase == .established
            || (session.publishedPhase == .setup && logic.settings.bridgesEarly)
        guard views.count > 1, isReady, views[callee ? 1 : 0].isBridgeable else { throw .busy }
        let draft = ClientDraft(id: "bridged", target: ByteString(uri))
        let isTaken = logic.onProcess { worker in
            session.act(worker) { session, worker in
                guard session.bridge == nil, session.entities.count > 1 else { return }
                let old = session.entities[callee ? 1 : 0]
                guard session.phase == .established || session.phase == .setup, session.mayBridge(old) else { return }
                guard let new = session.makeClient(draft, like: old, worker) else { return }
                let bridge = B2BBridge(old: old, new: new, options: BridgeOptions())
                bridge.lines = session.bridgeLines(old)
                if let media {
                    bridge.media = session.makeClient(
                        ClientDraft(id: "media", target: ByteString(media)), like: old, worker)
                }
                session.start(bridge, worker)
            }
        }
        if !isTaken { throw .busy }
    }

    package enum TriggerError: Error { case badFirst, badSecond, tooMany }

    /// Calls two parties and connects them. They are written as `id,uri[,name]`.
    package func trigger(
        scenario: String, first: String, second: String, values: [(name: String, value: String)]
    ) throws(TriggerError) {
        guard let one = ClientDraft(peer: ByteString(first), hasProxy: false) else { throw .badFirst }
        guard let other = ClientDraft(peer: ByteString(second), hasProxy: false) else { throw .badSecond }
        guard let logic, !logic.isFull else { throw .tooMany }
        let socket = logic.host.sockets.first
        var contact = LocalContact(of: socket, logic.host)
        // There is no message that variables in it could be about.
        if let address = logic.settings.serverAddress, !address.contains(UInt8(ascii: "$")) {
            contact = LocalContact(address.bracketed, isGiven: true)
        }
        var plan = TriggerPlan(
            scenario: ByteString(scenario), first: one, second: other, contact: contact, socket: socket)
        plan.values = values.map { (ByteString($0.name), Value.string(ByteString($0.value))) }
        if let engine = logic.host.anyProcess?.1.engine {
            plan.requestRoute = logic.requestRoute.flatMap { engine.route(.request, $0.string) }
            plan.replyRoute = logic.replyRoute.flatMap { engine.route(.request, $0.string) }
        }
        let sent = plan
        guard logic.onProcess({ worker in _ = logic.trigger(sent, worker) }) else { throw .tooMany }
    }
}

extension B2BManagement.State {
    fileprivate init<Known: RawRepresentable<String> & CaseIterable & Equatable>(_ state: Known)
    where Known.AllCases == [Known] {
        self.init(word: state.rawValue, number: Known.allCases.firstIndex(of: state) ?? 0)
    }
}
