/// What the proxy core has to do after an event on its response context.
package struct ForkActions: OptionSet, Sendable, Hashable, BitwiseCopyable {
    package let rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    /// Send this response upstream now (RFC 3261 §16.7 item 5).
    package static let forward = ForkActions(rawValue: 1)
    /// Cancel the branches that `ForkStep.cancelled` names (RFC 3261 §16.7 item 10).
    package static let cancel = ForkActions(rawValue: 2)
    /// Start the branches that `ForkStep.started` names: the next group of a serial fork.
    package static let start = ForkActions(rawValue: 4)
    /// All branches are done: choose with `best`, ask the failure hook, send the final response, then `finish`.
    package static let complete = ForkActions(rawValue: 8)
}

/// Set of branch indexes.
package struct BranchSet: OptionSet, Sendable, Hashable, BitwiseCopyable {
    package let rawValue: UInt32
    package init(rawValue: UInt32) { self.rawValue = rawValue }

    package init(_ index: Int) {
        rawValue = 1 << UInt32(truncatingIfNeeded: index)
    }

    /// Calls the closure with each index, lowest first.
    package func forEach(_ body: (Int) -> Void) {
        var rest = rawValue
        while rest != 0 {
            let index = rest.trailingZeroBitCount
            body(index)
            rest &= rest &- 1
        }
    }
}

/// Result of one event on a response context: fits in registers, nothing is allocated.
package struct ForkStep: Sendable, Hashable, BitwiseCopyable {
    package var actions: ForkActions
    /// Branches that need a CANCEL on the wire now: they have sent a provisional response.
    package var cancelled: BranchSet
    /// Branches that may be sent now.
    package var started: BranchSet

    package init(_ actions: ForkActions = [], cancelled: BranchSet = [], started: BranchSet = []) {
        self.actions = actions
        self.cancelled = cancelled
        self.started = started
    }

    package static let nothing = ForkStep()
}

/// The final response that goes upstream when no 2xx came.
package struct BestResponse: Sendable, Hashable, BitwiseCopyable {
    /// Branch whose response was chosen; `nil` if there is none to copy (nothing was sent, or all timed out).
    package var branch: Int?
    /// Status to send upstream: the branch's own, 500 in place of 503, 408 and 487 for what never answered.
    package var status: Int
    /// Branches whose challenges belong into the chosen 401 or 407 (RFC 3261 §16.7 item 7).
    package var challenges: BranchSet

    package init(branch: Int?, status: Int, challenges: BranchSet) {
        self.branch = branch
        self.status = status
        self.challenges = challenges
    }
}
