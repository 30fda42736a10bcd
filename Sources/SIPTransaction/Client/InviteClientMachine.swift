/// INVITE client transaction: RFC 3261 §17.1.1 with RFC 6026's Accepted state, as a proxy uses it (timer C, CANCEL).
///
/// ```
///  start ─► calling ──1xx──► proceeding ──2xx──► accepted ──M──► terminated
///              │ B               │ │ 3xx–6xx                        ▲
///              ▼                 │ └────────► completed ──D─────────┤
///          terminated ◄──────────┘ C: CANCEL ─► completed           │
/// ```
/// A 2xx that comes late, after a local timeout or another final response, is still delivered (RFC 3261 §16.7
/// item 10); a late non-2xx is acknowledged, so that the far end stops repeating it, and goes no further.
package struct InviteClientMachine: Sendable, BitwiseCopyable {
    package enum State: UInt8, Sendable, BitwiseCopyable {
        case calling, proceeding, completed, accepted, terminated
    }

    package private(set) var state: State = .calling
    private let isReliable: Bool
    private var isCancelled = false
    private var interval: UInt32 = 0

    package init(isReliable: Bool) {
        self.isReliable = isReliable
    }

    package mutating func start(_ settings: TransactionSettings) -> ClientStep {
        interval = settings.t1
        return ClientStep(
            .send, retransmission: isReliable ? .keep : .start(.a, interval),
            lifetime: .start(.b, settings.finalResponse))
    }

    package mutating func receive(status: Int, _ settings: TransactionSettings) -> ClientStep {
        switch status {
        case ..<200: provisional(settings)
        case 200..<300: success(settings)
        default: failure(settings)
        }
    }

    private mutating func provisional(_ settings: TransactionSettings) -> ClientStep {
        switch state {
        case .calling:
            state = .proceeding
            return ClientStep(.deliver, retransmission: .stop, lifetime: .start(.c, settings.finalInviteResponse))
        case .proceeding:
            let restarts = settings.restartsOnEachReply && !isCancelled
            return ClientStep(.deliver, lifetime: restarts ? .start(.c, settings.finalInviteResponse) : .keep)
        case .completed, .accepted, .terminated:
            return .nothing
        }
    }

    private mutating func success(_ settings: TransactionSettings) -> ClientStep {
        switch state {
        case .calling, .proceeding:
            state = .accepted
            return ClientStep(.deliver, retransmission: .stop, lifetime: .start(.m, settings.acceptedWait))
        case .accepted, .completed, .terminated:
            return ClientStep(.deliver)
        }
    }

    private mutating func failure(_ settings: TransactionSettings) -> ClientStep {
        switch state {
        case .calling, .proceeding:
            if isReliable {
                state = .terminated
                return ClientStep([.acknowledge, .deliver, .terminated], retransmission: .stop, lifetime: .stop)
            }
            state = .completed
            return ClientStep(
                [.acknowledge, .deliver], retransmission: .stop, lifetime: .start(.d, settings.clientInviteWait))
        case .completed, .terminated:
            return ClientStep(.acknowledge)
        case .accepted:
            return .nothing
        }
    }

    package mutating func fire(_ timer: TransactionTimer, _ settings: TransactionSettings) -> ClientStep {
        switch (timer, state) {
        case (.a, .calling):
            interval = interval &* 2
            return ClientStep(.send, retransmission: .start(.a, interval))
        case (.b, .calling), (.cancelWait, .calling), (.cancelWait, .proceeding):
            state = .terminated
            return ClientStep([.timedOut, .terminated], retransmission: .stop, lifetime: .stop)
        case (.c, .proceeding):
            state = .completed
            return ClientStep([.cancel, .timedOut], retransmission: .stop, lifetime: .start(.d, settings.cancelWait))
        case (.d, .completed), (.m, .accepted):
            state = .terminated
            return ClientStep(.terminated, retransmission: .stop, lifetime: .stop)
        default:
            return .nothing
        }
    }

    package mutating func transportFailed() -> ClientStep {
        switch state {
        case .calling:
            state = .terminated
            return ClientStep([.transportFailed, .terminated], retransmission: .stop, lifetime: .stop)
        case .completed:
            // The ACK could not be sent: the response was delivered already, nobody needs to be told.
            state = .terminated
            return ClientStep(.terminated, retransmission: .stop, lifetime: .stop)
        case .proceeding, .accepted, .terminated:
            return .nothing
        }
    }

    /// A CANCEL went out for this branch: the wait for the final response is bounded by 64·T1 from now (RFC 3261 §9.1).
    package mutating func cancelSent(_ settings: TransactionSettings) -> ClientStep {
        guard state == .calling || state == .proceeding, !isCancelled else { return .nothing }
        isCancelled = true
        return ClientStep([], lifetime: .start(.cancelWait, settings.cancelWait))
    }
}

extension TransactionSettings {
    /// 64·T1: how long a cancelled branch is waited for.
    package var cancelWait: UInt32 { t1 &* 64 }
}
