/// Non-INVITE client transaction: RFC 3261 §17.1.2. A response that comes after the end is dropped (RFC 4320 §4.2).
package struct NonInviteClientMachine: Sendable, BitwiseCopyable {
    package enum State: UInt8, Sendable, BitwiseCopyable {
        case trying, proceeding, completed, terminated
    }

    package private(set) var state: State = .trying
    private let isReliable: Bool
    private var interval: UInt32 = 0

    package init(isReliable: Bool) {
        self.isReliable = isReliable
    }

    package mutating func start(_ settings: TransactionSettings) -> ClientStep {
        interval = settings.t1
        return ClientStep(
            .send, retransmission: isReliable ? .keep : .start(.e, interval),
            lifetime: .start(.f, settings.finalResponse))
    }

    package mutating func receive(status: Int, _ settings: TransactionSettings) -> ClientStep {
        switch state {
        case .trying, .proceeding:
            guard status >= 200 else {
                state = .proceeding
                return ClientStep(.deliver)
            }
            if isReliable {
                state = .terminated
                return ClientStep([.deliver, .terminated], retransmission: .stop, lifetime: .stop)
            }
            state = .completed
            return ClientStep(.deliver, retransmission: .stop, lifetime: .start(.k, settings.shortWait))
        case .completed, .terminated:
            return .nothing
        }
    }

    package mutating func fire(_ timer: TransactionTimer, _ settings: TransactionSettings) -> ClientStep {
        switch (timer, state) {
        case (.e, .trying):
            interval = min(interval &* 2, settings.t2)
            return ClientStep(.send, retransmission: .start(.e, interval))
        case (.e, .proceeding):
            interval = settings.t2
            return ClientStep(.send, retransmission: .start(.e, interval))
        case (.f, .trying), (.f, .proceeding):
            state = .terminated
            return ClientStep([.timedOut, .terminated], retransmission: .stop, lifetime: .stop)
        case (.k, .completed):
            state = .terminated
            return ClientStep(.terminated, retransmission: .stop, lifetime: .stop)
        default:
            return .nothing
        }
    }

    package mutating func transportFailed() -> ClientStep {
        guard state == .trying || state == .proceeding else { return .nothing }
        state = .terminated
        return ClientStep([.transportFailed, .terminated], retransmission: .stop, lifetime: .stop)
    }
}
