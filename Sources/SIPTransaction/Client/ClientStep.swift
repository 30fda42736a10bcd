/// What the performer of a client machine has to do, in the order of the cases.
package struct ClientActions: OptionSet, Sendable, Hashable, BitwiseCopyable {
    package let rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    /// Put the stored request on the wire, for the first time or again.
    package static let send = ClientActions(rawValue: 1)
    /// Send the ACK for a non-2xx final response.
    package static let acknowledge = ClientActions(rawValue: 2)
    /// Send a CANCEL for this branch.
    package static let cancel = ClientActions(rawValue: 4)
    /// Hand the response to the transaction user.
    package static let deliver = ClientActions(rawValue: 8)
    /// Tell the transaction user that no (final) response came in time.
    package static let timedOut = ClientActions(rawValue: 16)
    /// Tell the transaction user that the request could not be sent.
    package static let transportFailed = ClientActions(rawValue: 32)
    /// The machine is done; what it holds can be dropped.
    package static let terminated = ClientActions(rawValue: 64)
}

/// A step of a client machine. `retransmission` is timer A or E; `lifetime` B, C, D, F, K, M or the wait after a CANCEL.
package typealias ClientStep = MachineStep<ClientActions>

/// Client machine of either kind, as a branch holds it.
package enum ClientMachine: Sendable, BitwiseCopyable {
    case invite(InviteClientMachine)
    case nonInvite(NonInviteClientMachine)

    package init(isInvite: Bool, isReliable: Bool) {
        self =
            isInvite
            ? .invite(InviteClientMachine(isReliable: isReliable))
            : .nonInvite(NonInviteClientMachine(isReliable: isReliable))
    }

    package var isTerminated: Bool {
        switch self {
        case .invite(let machine): machine.state == .terminated
        case .nonInvite(let machine): machine.state == .terminated
        }
    }

    /// No final response yet.
    package var isPending: Bool {
        switch self {
        case .invite(let machine): machine.state == .calling || machine.state == .proceeding
        case .nonInvite(let machine): machine.state == .trying || machine.state == .proceeding
        }
    }

    package mutating func start(_ settings: TransactionSettings) -> ClientStep {
        step {
            $0.start(settings)
        } nonInvite: {
            $0.start(settings)
        }
    }

    package mutating func receive(status: Int, _ settings: TransactionSettings) -> ClientStep {
        step {
            $0.receive(status: status, settings)
        } nonInvite: {
            $0.receive(status: status, settings)
        }
    }

    package mutating func fire(_ timer: TransactionTimer, _ settings: TransactionSettings) -> ClientStep {
        step {
            $0.fire(timer, settings)
        } nonInvite: {
            $0.fire(timer, settings)
        }
    }

    package mutating func transportFailed() -> ClientStep {
        step {
            $0.transportFailed()
        } nonInvite: {
            $0.transportFailed()
        }
    }

    /// The INVITE's CANCEL went out; only INVITEs are cancelled.
    package mutating func cancelSent(_ settings: TransactionSettings) -> ClientStep {
        step {
            $0.cancelSent(settings)
        } nonInvite: { _ in
            .nothing
        }
    }

    private mutating func step(
        invite: (inout InviteClientMachine) -> ClientStep, nonInvite: (inout NonInviteClientMachine) -> ClientStep
    ) -> ClientStep {
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
