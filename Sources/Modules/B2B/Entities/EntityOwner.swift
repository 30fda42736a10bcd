import Profiling
import SIPStack

/// What happens to an entity.
enum EntityEvent {
    /// A request in its dialog; an ACK has no transaction.
    case request(InboundRequest, Transaction?)
    /// The INVITE that it answers was cancelled, by the far end or (nil) by something here; the stack sends 200 and 487.
    case cancelled(Transaction, InboundRequest?)
    /// A response to a request of its own.
    case response(AgentResponse, OutgoingRequest)
    /// A 2xx or a reliable provisional response of its own was never acknowledged.
    case unacknowledged
}

/// Who decides for entities: a session of `b2b_logic`, or a user agent session of `b2b_entities`.
protocol EntityOwner: AnyObject, Sendable {
    var turns: TurnQueue { get }
    /// The session of records that made the owner. Constant; `.none` while nobody listened.
    var beganBy: SessionLink { get }
    /// The session of records that the present turn works for; what is sent says so. On the owner's turn.
    var records: SessionLink { get }
    /// On the owner's turn. `turn.end()` is called once, now or later.
    func handle(_ event: EntityEvent, _ entity: B2BEntity, _ worker: StackWorker, _ turn: Turn)
}
