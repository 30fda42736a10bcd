/// What happens to a dialog.
package enum DialogEvent: Sendable, Equatable {
    /// A provisional reply above 100 to the INVITE.
    case provisional
    /// A 2xx to the INVITE, from whichever branch.
    case answered
    /// The same from a leg that a BYE had gone to while it was early.
    case answeredAfterBye
    /// The INVITE was answered negatively, or nobody ever answered it.
    case failed
    case acknowledged
    /// A BYE from that side. In an early dialog it ends that, not the INVITE (RFC 3261 §15).
    case bye(DialogSide)
    /// The client cancelled the INVITE.
    case cancelled
    /// Its lifetime is over.
    case lifetimeOver
    /// Somebody here wants it to end.
    case end(DialogEndReason)
}

/// What is to be done after a step.
package struct DialogActions: OptionSet, Sendable {
    package let rawValue: UInt16

    package init(rawValue: UInt16) { self.rawValue = rawValue }

    /// The state is another than before.
    package static let changed = DialogActions(rawValue: 1)
    /// The lifetime begins.
    package static let startLifetime = DialogActions(rawValue: 2)
    /// It never began.
    package static let failed = DialogActions(rawValue: 4)
    /// It is over after it had begun.
    package static let terminated = DialogActions(rawValue: 8)
    /// It is over because its lifetime is.
    package static let expired = DialogActions(rawValue: 16)
    /// Both sides must be told with a BYE.
    package static let sendByes = DialogActions(rawValue: 32)
    /// The INVITE must be cancelled; its negative answer then ends the dialog.
    package static let cancelInvite = DialogActions(rawValue: 64)
    /// Two messages crossed so that the sides may disagree about the dialog (RFC 5407).
    package static let race = DialogActions(rawValue: 128)
    /// It was answered although it is wanted to end: it does as soon as the ACK has gone by.
    package static let endWhenAcknowledged = DialogActions(rawValue: 256)
    /// The ACK is about to go by: it ends after that.
    package static let endNow = DialogActions(rawValue: 512)
}

/// The life of a dialog as a proxy in its middle sees it (RFC 3261 §12, RFC 5057, RFC 5407): a few bytes, no clock, no lock.
///
/// ```
///  unconfirmed ──1xx──► early            any 2xx: confirmedWithoutAck ──ACK──► confirmed
///       └───────┴─ negative answer ─► deleted ◄─ BYE, lifetime, end ─┘──────────┘
/// ```
/// The first of BYE, lifetime and end wins; those that come later find it deleted and do nothing.
package struct DialogMachine: Sendable, Equatable {
    package private(set) var state = DialogState.unconfirmed
    /// nil until it ends, and of a dialog that never began.
    package private(set) var endReason: DialogEndReason?
    /// Who asked for a BYE on both sides when the lifetime is over.
    package var byesOnTimeout: Bool
    /// Why somebody here wanted it to end before it was answered.
    package private(set) var endWanted: DialogEndReason?
    private var isCancelled = false

    package init(byesOnTimeout: Bool = false) {
        self.byesOnTimeout = byesOnTimeout
    }

    package mutating func step(_ event: DialogEvent) -> DialogActions {
        guard state != .deleted else { return [] }
        switch event {
        case .provisional:
            guard state == .unconfirmed else { return [] }
            return move(to: .early)
        case .answered, .answeredAfterBye:
            guard !state.isConfirmed else { return [] }
            let actions = move(to: .confirmedWithoutAck).union(.startLifetime)
            if endWanted != nil { return actions.union(.endWhenAcknowledged) }
            return isCancelled || event == .answeredAfterBye ? actions.union(.race) : actions
        case .failed:
            // A 2xx came before: what other branches answered is nobody's business.
            guard !state.isConfirmed else { return [] }
            return move(to: .deleted).union(.failed)
        case .acknowledged:
            guard state == .confirmedWithoutAck else { return [] }
            return endWanted == nil ? move(to: .confirmed) : move(to: .confirmed).union(.endNow)
        case .bye(let side):
            guard state.isConfirmed else { return [] }
            return end(side == .caller ? .downstreamBye : .upstreamBye)
        case .cancelled:
            isCancelled = true
            return state.isConfirmed ? .race : []
        case .lifetimeOver:
            guard state.isConfirmed else { return [] }
            return end(.lifetimeTimeout).union(byesOnTimeout ? [.expired, .sendByes] : .expired)
        case .end(let reason):
            guard state.isConfirmed else {
                // The CANCEL may cross a 2xx, or the INVITE has not left yet.
                endWanted = reason
                return .cancelInvite
            }
            return end(reason).union(.sendByes)
        }
    }

    private mutating func move(to new: DialogState) -> DialogActions {
        state = new
        return .changed
    }

    private mutating func end(_ reason: DialogEndReason) -> DialogActions {
        endReason = reason
        return move(to: .deleted).union(.terminated)
    }
}
