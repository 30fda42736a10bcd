/// What the performer of a server machine has to do, in the order of the cases.
package struct ServerActions: OptionSet, Sendable, Hashable, BitwiseCopyable {
    package let rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    /// Keep the reply that was given as the last one, and send it.
    package static let send = ServerActions(rawValue: 1)
    /// Send the reply that was given without keeping it: a 2xx after another final response.
    package static let sendOnce = ServerActions(rawValue: 2)
    /// Send the stored last reply again, if there is one.
    package static let sendAgain = ServerActions(rawValue: 4)
    /// Build a 100 Trying and give it to `respond`.
    package static let trying = ServerActions(rawValue: 8)
    /// Hand the ACK to the transaction user.
    package static let deliver = ServerActions(rawValue: 16)
    /// Tell the transaction user that no ACK came.
    package static let timedOut = ServerActions(rawValue: 32)
    /// The machine is done; what it holds can be dropped.
    package static let terminated = ServerActions(rawValue: 64)
    /// The reply that was given may not be sent in this state.
    package static let refused = ServerActions(rawValue: 128)
}

/// A step of a server machine. `retransmission` is timer G; `lifetime` H, I, J, L or the wait before a 100 Trying.
package typealias ServerStep = MachineStep<ServerActions>

/// When an INVITE server says 100 Trying by itself.
package enum TryingRule: UInt8, Sendable, BitwiseCopyable {
    /// Never: the script does (`auto_100trying` is 0).
    case never
    /// At once.
    case immediately
    /// When nothing else was sent for 200 ms (RFC 3261 §17.2.1).
    case delayed
}

/// Server machine of either kind, as a transaction holds it.
package enum ServerMachine: Sendable, BitwiseCopyable {
    case invite(InviteServerMachine)
    case nonInvite(NonInviteServerMachine)

    package init(isInvite: Bool, isReliable: Bool) {
        self =
            isInvite
            ? .invite(InviteServerMachine(isReliable: isReliable))
            : .nonInvite(NonInviteServerMachine(isReliable: isReliable))
    }

    package var isTerminated: Bool {
        switch self {
        case .invite(let machine): machine.state == .terminated
        case .nonInvite(let machine): machine.state == .terminated
        }
    }

    /// No final response was sent yet.
    package var isOpen: Bool {
        switch self {
        case .invite(let machine): machine.state == .proceeding
        case .nonInvite(let machine): machine.state == .trying || machine.state == .proceeding
        }
    }

    package mutating func start(trying: TryingRule, _ settings: TransactionSettings) -> ServerStep {
        step {
            $0.start(trying: trying, settings)
        } nonInvite: { _ in
            .nothing
        }
    }

    /// The request came again.
    package mutating func receiveAgain() -> ServerStep {
        step {
            $0.receiveAgain()
        } nonInvite: {
            $0.receiveAgain()
        }
    }

    package mutating func respond(status: Int, _ settings: TransactionSettings) -> ServerStep {
        step {
            $0.respond(status: status, settings)
        } nonInvite: {
            $0.respond(status: status, settings)
        }
    }

    package mutating func acknowledge(_ settings: TransactionSettings) -> ServerStep {
        step {
            $0.acknowledge(settings)
        } nonInvite: { _ in
            .nothing
        }
    }

    package mutating func fire(_ timer: TransactionTimer, _ settings: TransactionSettings) -> ServerStep {
        step {
            $0.fire(timer, settings)
        } nonInvite: {
            $0.fire(timer, settings)
        }
    }

    /// Ends without an answer: RFC 4320 §4.1 forbids a 408 to a non-INVITE request.
    package mutating func abandon() -> ServerStep {
        step {
            $0.abandon()
        } nonInvite: {
            $0.abandon()
        }
    }

    private mutating func step(
        invite: (inout InviteServerMachine) -> ServerStep, nonInvite: (inout NonInviteServerMachine) -> ServerStep
    ) -> ServerStep {
        switch self {
        case .invite(var machine):
            let step = invite(&machine)
            self = .invite(machine)
            return step
        case .nonInvite(var machine):
            let step = nonInvite(&machine)
            self = .nonInvite(machine)
            return step
        }
    }
}
