/// Non-INVITE server transaction: RFC 3261 §17.2.2, with RFC 4320 §4.1: no provisional response but 100 is sent.
package struct NonInviteServerMachine: Sendable, BitwiseCopyable {
    package enum State: UInt8, Sendable, BitwiseCopyable {
        case trying, proceeding, completed, terminated
    }

    package private(set) var state: State = .trying
    private let isReliable: Bool

    package init(isReliable: Bool) {
        self.isReliable = isReliable
    }

    package func receiveAgain() -> ServerStep {
        switch state {
        case .proceeding, .completed: ServerStep(.sendAgain)
        case .trying, .terminated: .nothing
        }
    }

    package mutating func respond(status: Int, _ settings: TransactionSettings) -> ServerStep {
        guard state == .trying || state == .proceeding else { return ServerStep(.refused) }
        if status == 100 {
            state = .proceeding
            return ServerStep(.send)
        }
        guard status >= 200 else { return ServerStep(.refused) }
        if isReliable {
            state = .terminated
            return ServerStep([.send, .terminated], lifetime: .stop)
        }
        state = .completed
        return ServerStep(.send, lifetime: .start(.j, settings.serverWait))
    }

    package mutating func fire(_ timer: TransactionTimer, _ settings: TransactionSettings) -> ServerStep {
        guard timer == .j, state == .completed else { return .nothing }
        state = .terminated
        return ServerStep(.terminated, lifetime: .stop)
    }

    /// Ends without an answer, whatever the state.
    package mutating func abandon() -> ServerStep {
        guard state != .terminated else { return .nothing }
        state = .terminated
        return ServerStep(.terminated, lifetime: .stop)
    }
}
