/// INVITE server transaction: RFC 3261 §17.2.1 with RFC 6026's Accepted state.
///
/// ```
///  start ─► proceeding ──2xx──► accepted ──L──► terminated
///               │ 3xx–6xx                          ▲ ▲
///               └──────► completed ──ACK──► confirmed I
///                            └──────H────────────────┘
/// ```
package struct InviteServerMachine: Sendable, BitwiseCopyable {
    package enum State: UInt8, Sendable, BitwiseCopyable {
        case proceeding, completed, confirmed, accepted, terminated
    }

    package private(set) var state: State = .proceeding
    private let isReliable: Bool
    private var interval: UInt32 = 0

    package init(isReliable: Bool) {
        self.isReliable = isReliable
    }

    package func start(trying: TryingRule, _ settings: TransactionSettings) -> ServerStep {
        switch trying {
        case .never: .nothing
        case .immediately: ServerStep(.trying)
        case .delayed: ServerStep([], lifetime: .start(.trying, settings.trying))
        }
    }

    package func receiveAgain() -> ServerStep {
        switch state {
        case .proceeding, .completed: ServerStep(.sendAgain)
        case .confirmed, .accepted, .terminated: .nothing
        }
    }

    package mutating func respond(status: Int, _ settings: TransactionSettings) -> ServerStep {
        switch (state, status) {
        case (.proceeding, ..<200):
            return ServerStep(.send, lifetime: .stop)
        case (.proceeding, 200..<300):
            state = .accepted
            return ServerStep(.send, retransmission: .stop, lifetime: .start(.l, settings.acceptedWait))
        case (.proceeding, _):
            state = .completed
            interval = settings.t1
            return ServerStep(
                .send, retransmission: isReliable ? .keep : .start(.g, interval),
                lifetime: .start(.h, settings.finalResponse))
        case (_, 200..<300):
            return ServerStep(.sendOnce)
        default:
            return ServerStep(.refused)
        }
    }

    package mutating func acknowledge(_ settings: TransactionSettings) -> ServerStep {
        switch state {
        case .completed:
            if isReliable {
                state = .terminated
                return ServerStep(.terminated, retransmission: .stop, lifetime: .stop)
            }
            state = .confirmed
            return ServerStep([], retransmission: .stop, lifetime: .start(.i, settings.shortWait))
        case .accepted:
            return ServerStep(.deliver)
        case .proceeding, .confirmed, .terminated:
            return .nothing
        }
    }

    package mutating func fire(_ timer: TransactionTimer, _ settings: TransactionSettings) -> ServerStep {
        switch (timer, state) {
        case (.trying, .proceeding):
            return ServerStep(.trying)
        case (.g, .completed):
            interval = min(interval &* 2, settings.t2)
            return ServerStep(.sendAgain, retransmission: .start(.g, interval))
        case (.h, .completed):
            state = .terminated
            return ServerStep([.timedOut, .terminated], retransmission: .stop, lifetime: .stop)
        case (.i, .confirmed), (.l, .accepted):
            state = .terminated
            return ServerStep(.terminated, retransmission: .stop, lifetime: .stop)
        default:
            return .nothing
        }
    }

    /// Ends without an answer, whatever the state.
    package mutating func abandon() -> ServerStep {
        guard state != .terminated else { return .nothing }
        state = .terminated
        return ServerStep(.terminated, retransmission: .stop, lifetime: .stop)
    }
}
