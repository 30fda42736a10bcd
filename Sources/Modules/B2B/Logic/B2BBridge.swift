import SIPStack

/// Steps of a bridge.
enum BridgeStep: Sendable {
    case invite
}
final class B2BBridge {}
extension B2BSession {
    func advance(
        _ step: BridgeStep, _ response: AgentResponse, _ request: OutgoingRequest, _ entity: B2BEntity,
        _ worker: StackWorker
    ) {}
    func bridgeLost(_ entity: B2BEntity, _ transaction: Transaction?, _ worker: StackWorker) {}
}
