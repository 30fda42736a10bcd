/// Where a dialog stands, by the numbers that scripts and management know.
package enum DialogState: Int, Sendable, CaseIterable {
    /// The INVITE was sent; nothing came back.
    case unconfirmed = 1
    /// A provisional reply came.
    case early = 2
    /// A 2xx came, its ACK did not.
    case confirmedWithoutAck = 3
    case confirmed = 4
    /// It is over; what is still kept of it is only read.
    case deleted = 5

    /// A 2xx came and nobody has ended it.
    package var isConfirmed: Bool { self == .confirmedWithoutAck || self == .confirmed }

    /// The INVITE has no final answer yet.
    package var isOpen: Bool { self == .unconfirmed || self == .early }
}

/// Whose side of a dialog: the one that sent the INVITE, or one that answers it.
package enum DialogSide: Sendable, Hashable {
    case caller, callee

    package var other: DialogSide { self == .caller ? .callee : .caller }
}

/// Why a dialog ended that had begun.
package enum DialogEndReason: Sendable, Equatable, CaseIterable {
    case upstreamBye, downstreamBye, lifetimeTimeout, management, optionsPing, reinvitePing, race

    /// A side hung up.
    package var isBye: Bool { self == .upstreamBye || self == .downstreamBye }

    /// `$DLG_end_reason`
    package var text: StaticString {
        switch self {
        case .upstreamBye: "Upstream BYE"
        case .downstreamBye: "Downstream BYE"
        case .lifetimeTimeout: "Lifetime Timeout"
        case .management: "MI Termination"
        case .optionsPing: "Ping Timeout"
        case .reinvitePing: "ReINVITE Ping Timeout"
        case .race: "SIP Race Condition"
        }
    }
}
