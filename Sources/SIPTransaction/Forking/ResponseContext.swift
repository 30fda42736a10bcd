/// Response context of a forking proxy: RFC 3261 §16.7 as a value.
///
/// Branches are added with a group number; groups are tried one after another, branches of one group at once.
/// Budget: 4 bytes a branch, inline, no allocation.
package struct ResponseContext: Sendable {
    /// Most branches that a transaction may have over its life, serial forking and DNS failover included.
    package static let branchesMax = 32

    package enum Phase: UInt8, Sendable, BitwiseCopyable {
        /// Branches are pending, or may be added.
        case collecting
        /// All branches are done; the owner decides (failure hook) whether to add branches or to answer.
        case deciding
        /// A final response went upstream.
        case answered
    }

    struct Branch: Sendable, BitwiseCopyable {
        /// 0: nothing received; otherwise the last status, 408 and 503 also where they stand for a local failure.
        var status: UInt16 = 0
        var group: UInt8 = 0
        var marks: Marks = []

        var isFinal: Bool { status >= 200 }
    }

    struct Marks: OptionSet, Sendable, BitwiseCopyable {
        let rawValue: UInt8
        static let sent = Marks(rawValue: 1)
        static let cancelWanted = Marks(rawValue: 2)
        static let cancelSent = Marks(rawValue: 4)
        /// The status was made here, not received.
        static let local = Marks(rawValue: 8)
        static let minor = Marks(rawValue: 16)
        /// Another branch took over (DNS failover) or the fork is over: the status counts no more.
        static let replaced = Marks(rawValue: 32)
    }

    package private(set) var phase: Phase = .collecting
    package private(set) var count = 0
    /// How often all branches were done: who decides then names the time that it was asked for, since branches that it added
    /// may be done, and somebody else be asked, before it says what is to happen. Wraps around.
    package private(set) var decision: UInt16 = 0
    /// The upstream client sent a CANCEL, or the owner cancelled everything.
    package private(set) var isCancelled = false
    /// A 6xx was received: no branch may be added any more, unless the owner allows it.
    package private(set) var isBlocked = false
    /// The context does not complete before `release`, although all branches are done (`t_wait_for_new_branches`).
    package var isHeldOpen = false
    /// Branches that may still be injected before the wait ends; 0: any number.
    package var awaitedCount: UInt8 = 0
    /// A 2xx leaves the other branches ringing (RFC 3841 §9.1, `no-cancel`).
    package var keepsOthers = false
    private let isInvite: Bool
    private let blocksOn6xx: Bool
    private var branches = InlineArray<32, Branch>(repeating: Branch())

    package init(isInvite: Bool, blocksOn6xx: Bool = true) {
        self.isInvite = isInvite
        self.blocksOn6xx = blocksOn6xx
    }

    // MARK: branches

    /// Adds a branch. `nil` when there are too many, after a CANCEL, after a 6xx, or when the answer has been sent.
    package mutating func add(group: UInt8 = 0, isMinor: Bool = false) -> Int? {
        guard count < Self.branchesMax, !isCancelled, !isBlocked, phase != .answered else { return nil }
        if phase == .deciding { dropWhatIsGoneOnFrom() }
        branches[count] = Branch(group: group, marks: isMinor ? .minor : [])
        count += 1
        phase = .collecting
        return count - 1
    }

    /// The failure hook goes on from a redirection or a challenge: it has been followed or answered, and is no answer for the
    /// caller any more (RFC 3261 §16.7 item 4).
    private mutating func dropWhatIsGoneOnFrom() {
        for index in 0..<count {
            switch branches[index].status {
            case 300..<400, 401, 407: branches[index].marks.insert(.replaced)
            default: break
            }
        }
    }

    /// The branches to be sent first: those of the lowest group that was not sent yet.
    package mutating func start() -> BranchSet {
        var group: UInt8?
        for index in 0..<count where !branches[index].marks.contains(.sent) && !branches[index].isFinal {
            group = min(group ?? .max, branches[index].group)
        }
        guard let group else { return [] }
        var started: BranchSet = []
        for index in 0..<count
        where branches[index].group == group && !branches[index].marks.contains(.sent) && !branches[index].isFinal {
            branches[index].marks.insert(.sent)
            started.insert(BranchSet(index))
        }
        return started
    }

    /// Starts the first group of what was added, without the branches that can't be sent at all: those count as 503 (RFC 3261 §16.9).
    /// Completes when that leaves nothing to wait for.
    package mutating func start(without refused: BranchSet) -> ForkStep {
        if !refused.isEmpty {
            for index in 0..<count where refused.contains(BranchSet(index)) && !branches[index].isFinal {
                branches[index].status = 503
                branches[index].marks.formUnion([.sent, .local])
            }
        }
        let started = start()
        if !started.isEmpty { return ForkStep(.start, started: started) }
        return refused.isEmpty || phase != .collecting ? .nothing : completeIfDone()
    }

    /// The branch is given up in favour of a new one (the next address of its name): what it got counts no more. nil as `add`
    /// says, and for one that is being cancelled.
    package mutating func replace(_ index: Int) -> Int? {
        let old = branches[index]
        guard !old.marks.contains(.cancelWanted), let new = add(group: old.group, isMinor: old.marks.contains(.minor))
        else { return nil }
        branches[index].marks.insert(.replaced)
        if branches[index].status < 200 { branches[index].status = 503 }
        branches[new].marks.insert(.sent)
        return new
    }

    package func status(of index: Int) -> Int { Int(branches[index].status) }
    package func isLocal(_ index: Int) -> Bool { branches[index].marks.contains(.local) }
    package func isPending(_ index: Int) -> Bool {
        branches[index].marks.contains(.sent) && !branches[index].isFinal
    }
    package var pending: BranchSet {
        var set: BranchSet = []
        for index in 0..<count where isPending(index) { set.insert(BranchSet(index)) }
        return set
    }

    // MARK: events

    /// A response came for a branch.
    package mutating func receive(status: Int, branch index: Int) -> ForkStep {
        settle(status: status, branch: index, marks: [])
    }

    /// A branch ended without a response: 408 for a timeout, 503 for a transport error, 477/4xx for what the owner says.
    package mutating func fail(status: Int, branch index: Int) -> ForkStep {
        guard !branches[index].isFinal else { return .nothing }
        return settle(status: status, branch: index, marks: .local)
    }

    private mutating func settle(status: Int, branch index: Int, marks: Marks) -> ForkStep {
        if branches[index].isFinal {
            // A 2xx to an INVITE is never held back, be it a repetition, another fork's or a late one.
            guard isInvite, (200..<300).contains(status) else { return .nothing }
            return success(index)
        }
        if status < 200 { return provisional(status: status, branch: index) }
        branches[index].marks.formUnion(marks)
        if (200..<300).contains(status) { return success(index) }
        branches[index].status = UInt16(clamping: status)
        var step = ForkStep.nothing
        if status >= 600, phase != .answered {
            isBlocked = isBlocked || blocksOn6xx
            step = cancelPending(where: { _ in true })
        }
        guard phase == .collecting else { return step }
        let completion = completeIfDone()
        step.actions.formUnion(completion.actions)
        step.started = completion.started
        step.cancelled.formUnion(completion.cancelled)
        return step
    }

    private mutating func provisional(status: Int, branch index: Int) -> ForkStep {
        branches[index].status = UInt16(clamping: max(status, Int(branches[index].status)))
        var step = ForkStep.nothing
        if status > 100, phase != .answered, isInvite { step.actions.insert(.forward) }
        if branches[index].marks.contains(.cancelWanted), !branches[index].marks.contains(.cancelSent) {
            branches[index].marks.insert(.cancelSent)
            step.actions.insert(.cancel)
            step.cancelled.insert(BranchSet(index))
        }
        return step
    }

    private mutating func success(_ index: Int) -> ForkStep {
        branches[index].status = 200
        guard isInvite || phase != .answered else { return .nothing }
        phase = .answered
        var step = ForkStep(.forward)
        if isInvite {
            if !keepsOthers { step = cancelPending(where: { _ in true }) }
            step.actions.insert(.forward)
        }
        return step
    }

    /// The upstream client, or the owner, gives up: cancel everything pending and start nothing more.
    package mutating func cancelAll() -> ForkStep {
        isCancelled = true
        var step = cancelPending(where: { _ in true })
        if phase == .collecting {
            let completion = completeIfDone()
            step.actions.formUnion(completion.actions)
        }
        return step
    }

    /// Cancels some branches; the others, and new ones, go on (`t_cancel_branch`).
    package mutating func cancel(_ set: BranchSet) -> ForkStep {
        cancelPending(where: { set.contains(BranchSet($0)) })
    }

    /// The CANCEL of a branch was sent by its machine (timer C): the context must not ask for another.
    package mutating func noteCancelSent(_ index: Int) {
        branches[index].marks.formUnion([.cancelWanted, .cancelSent])
    }

    /// What has no end of its own, pending or never sent, is over as if it had timed out: the owner waits no longer and decides at
    /// once. A last resort.
    package mutating func expire() {
        guard phase != .answered else { return }
        isHeldOpen = false
        for index in 0..<count where !branches[index].isFinal {
            branches[index].status = 408
            branches[index].marks.insert(.local)
        }
        phase = .deciding
        decision &+= 1
    }

    /// All branches are done, and who added the last ones goes on by itself: it decides, or who was asked before.
    package mutating func withdrawDecision() {
        if phase == .deciding { decision &-= 1 }
    }

    /// No more branches will be added from outside: complete if all are done.
    package mutating func release() -> ForkStep {
        isHeldOpen = false
        return phase == .collecting ? completeIfDone() : .nothing
    }

    /// Branches were injected from outside: ends the wait if these were the last that it was for.
    package mutating func noteInjected(_ count: Int, isLast: Bool) -> ForkStep {
        guard isHeldOpen else { return .nothing }
        let awaited = Int(awaitedCount)
        if isLast || (awaited > 0 && count >= awaited) { return release() }
        if awaited > 0 { awaitedCount = UInt8(awaited - count) }
        return .nothing
    }

    /// The final response was sent: nothing but a 2xx to an INVITE is forwarded from now on.
    ///
    /// - Parameter isSuccess: it was a 2xx; `keepsOthers` then leaves the rest alone.
    package mutating func finish(isSuccess: Bool = false) -> ForkStep {
        phase = .answered
        if isSuccess, keepsOthers { return .nothing }
        return cancelPending(where: { _ in true })
    }

    // MARK: rules

    private mutating func cancelPending(where included: (Int) -> Bool) -> ForkStep {
        var step = ForkStep.nothing
        for index in 0..<count where included(index) && !branches[index].isFinal {
            guard branches[index].marks.contains(.sent) else {
                branches[index].status = 487
                branches[index].marks.formUnion([.local, .replaced])
                continue
            }
            guard isInvite else { continue }
            branches[index].marks.insert(.cancelWanted)
            // RFC 3261 §9.1: no CANCEL before a provisional response; it is sent when one comes.
            guard branches[index].status >= 100, !branches[index].marks.contains(.cancelSent) else { continue }
            branches[index].marks.insert(.cancelSent)
            step.actions.insert(.cancel)
            step.cancelled.insert(BranchSet(index))
        }
        return step
    }

    private mutating func completeIfDone() -> ForkStep {
        var minorPending = false
        for index in 0..<count where isPending(index) {
            guard branches[index].marks.contains(.minor) else { return .nothing }
            minorPending = true
        }
        if !isCancelled, !isBlocked {
            let next = start()
            if !next.isEmpty { return ForkStep(.start, started: next) }
        }
        if isHeldOpen, !isCancelled, !isBlocked { return .nothing }
        phase = .deciding
        decision &+= 1
        var step = ForkStep(.complete)
        if minorPending {
            let cancelled = cancelPending(where: { _ in true })
            step.actions.formUnion(cancelled.actions)
            step.cancelled = cancelled.cancelled
        }
        return step
    }

    /// Chooses the response to send upstream (RFC 3261 §16.7 items 6 and 7).
    ///
    /// 6xx wins; otherwise the lowest class, and in the 4xx class what tells the caller how to ask again (401, 407,
    /// 415, 420, 484) before the rest, a received response before a local one. Within a rank, the first to be added.
    /// - Parameter translates503: a 503 that was received goes up as 500. One that stands for a failure of ours (RFC 3261
    ///   §16.9) always does: upstream would take it for this server's overload.
    /// - Parameter first: earlier branches do not count.
    package func best(translates503: Bool = true, from first: Int = 0) -> BestResponse {
        var chosen: Int?
        var challenges: BranchSet = []
        for index in min(first, count)..<count
        where branches[index].status >= 300 && !branches[index].marks.contains(.replaced) {
            if branches[index].status == 401 || branches[index].status == 407 {
                challenges.insert(BranchSet(index))
            }
            if let present = chosen, rank(index) >= rank(present) { continue }
            chosen = index
        }
        guard let chosen else {
            return BestResponse(branch: nil, status: isCancelled ? 487 : 408, challenges: [])
        }
        var status = Int(branches[chosen].status)
        if isCancelled, branches[chosen].marks.contains(.local) {
            return BestResponse(branch: nil, status: 487, challenges: [])
        }
        if status == 503, translates503 || branches[chosen].marks.contains(.local) { status = 500 }
        if status != 401, status != 407 { challenges = [] }
        return BestResponse(branch: chosen, status: status, challenges: challenges)
    }

    /// Chooses the response to send upstream where a failure hook went on from what branches before `first` came to: that of those
    /// tried last. Where it only stands for one (a timeout, a send failure), whatever was received is better.
    package func best(translates503: Bool, lastFrom first: Int) -> BestResponse {
        let last = best(translates503: translates503, from: first)
        guard first > 0, !isCancelled, last.branch.map({ branches[$0].marks.contains(.local) }) ?? true else {
            return last
        }
        return best(translates503: translates503)
    }

    private func rank(_ index: Int) -> Int {
        let status = Int(branches[index].status)
        let local = branches[index].marks.contains(.local) ? 1 : 0
        if status >= 600 { return local }
        var rank = (status / 100) * 100
        switch status {
        case 401, 407, 415, 420, 484: rank += 10
        case 408: rank += 40
        case 487: rank += isCancelled ? 5 : 30
        case 503: rank += 40
        default: rank += 20
        }
        return rank + local
    }
}
