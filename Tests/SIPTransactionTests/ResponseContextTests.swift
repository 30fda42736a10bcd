import SIPTransaction
import Testing

/// One line of a forking table.
struct ForkRow {
    enum Event {
        case response(Int, branch: Int)
        case failure(Int, branch: Int)
        case cancelAll
        case cancel(BranchSet)
        case release
        case finish
    }

    var event: Event
    var expected: ForkStep

    init(_ event: Event, _ actions: ForkActions = [], cancelled: [Int] = [], started: [Int] = []) {
        self.event = event
        expected = ForkStep(actions, cancelled: set(cancelled), started: set(started))
    }
}

func set(_ indexes: [Int]) -> BranchSet {
    indexes.reduce(into: BranchSet()) { $0.insert(BranchSet($1)) }
}

func play(_ rows: [ForkRow], on context: inout ResponseContext) {
    for (line, row) in rows.enumerated() {
        let step =
            switch row.event {
            case .response(let status, let branch): context.receive(status: status, branch: branch)
            case .failure(let status, let branch): context.fail(status: status, branch: branch)
            case .cancelAll: context.cancelAll()
            case .cancel(let set): context.cancel(set)
            case .release: context.release()
            case .finish: context.finish()
            }
        #expect(step == row.expected, "row \(line): \(row.event)")
    }
}

func context(groups: [UInt8], isInvite: Bool = true, minor: Int? = nil, blocksOn6xx: Bool = true) -> ResponseContext {
    var context = ResponseContext(isInvite: isInvite, blocksOn6xx: blocksOn6xx)
    for (index, group) in groups.enumerated() {
        #expect(context.add(group: group, isMinor: index == minor) == index)
    }
    return context
}

@Suite struct ResponseContextTests {
    @Test func parallelForkAnswered() {
        var fork = context(groups: [0, 0, 0])
        #expect(fork.start() == set([0, 1, 2]))
        play(
            [
                ForkRow(.response(100, branch: 0)),
                ForkRow(.response(180, branch: 1), .forward),
                ForkRow(.response(200, branch: 1), [.forward, .cancel], cancelled: [0]),
                // The CANCEL of a branch without a provisional response is held until one comes.
                ForkRow(.response(180, branch: 2), .cancel, cancelled: [2]),
                ForkRow(.response(180, branch: 2)),
                ForkRow(.response(487, branch: 0)),
                // A second 2xx is forwarded whatever has been sent.
                ForkRow(.response(200, branch: 2), .forward),
                ForkRow(.response(200, branch: 1), .forward),
            ], on: &fork)
        #expect(fork.phase == .answered)
    }

    @Test func lowestClassWinsAndAsksTheOwnerOnce() {
        var fork = context(groups: [0, 0, 0])
        _ = fork.start()
        play(
            [
                ForkRow(.response(500, branch: 0)),
                ForkRow(.response(486, branch: 1)),
                ForkRow(.response(302, branch: 2), .complete),
            ], on: &fork)
        #expect(fork.best() == BestResponse(branch: 2, status: 302, challenges: []))
        #expect(fork.phase == .deciding)
        play([ForkRow(.finish), ForkRow(.response(200, branch: 1), .forward)], on: &fork)
    }

    /// Statuses of the branches, whether each was made here, and what goes upstream.
    @Test(arguments: [
        ([486, 480], [], 486, 0),
        ([408, 486], [], 486, 1),
        ([404, 407], [], 407, 1),
        ([401, 407], [], 401, 0),
        ([484, 404], [], 484, 0),
        ([503], [], 500, 0),
        ([503, 502], [], 502, 1),
        ([604, 300], [], 604, 0),
        ([408, 480], [0], 480, 1),
        ([480, 480], [0], 480, 1),
    ])
    func bestResponse(statuses: [Int], local: [Int], status: Int, branch: Int) {
        var fork = context(groups: statuses.map { _ in 0 }, blocksOn6xx: false)
        _ = fork.start()
        for (index, status) in statuses.enumerated() {
            _ =
                local.contains(index)
                ? fork.fail(status: status, branch: index) : fork.receive(status: status, branch: index)
        }
        #expect(fork.best().status == status)
        #expect(fork.best().branch == branch)
    }

    @Test func challengesOfAllBranchesAreNamed() {
        var fork = context(groups: [0, 0, 0])
        _ = fork.start()
        for (index, status) in [407, 401, 486].enumerated() { _ = fork.receive(status: status, branch: index) }
        #expect(fork.best() == BestResponse(branch: 0, status: 407, challenges: set([0, 1])))
    }

    @Test(arguments: [401, 407, 302])
    func whatTheFailureHookWentOnFromIsNoAnswerAnyMore(status: Int) {
        var fork = context(groups: [0])
        _ = fork.start()
        play([ForkRow(.response(status, branch: 0), .complete)], on: &fork)
        #expect(fork.best().status == status)
        let added = fork.add()
        #expect(added == 1)
        _ = fork.start()
        play([ForkRow(.response(486, branch: 1), .complete)], on: &fork)
        #expect(fork.best() == BestResponse(branch: 1, status: 486, challenges: []))
    }

    /// A first wave, what the failure hook tried next, which of that was made here; what the hook sees next, what goes upstream.
    @Test(arguments: [
        ([486], [480], [], 480, 480), ([480], [486], [], 486, 486), ([404, 486], [503], [], 500, 500),
        ([500], [404], [], 404, 404), ([486], [604], [], 604, 604), ([604], [480], [], 480, 480),
        // A timeout or a send failure says less than any answer.
        ([486], [408], [1], 408, 486), ([503], [408], [1], 408, 408), ([486], [408, 404], [1], 404, 404),
        ([486], [500, 408], [2], 408, 486),
    ])
    func whatAFailureHookWentOnFrom(first: [Int], second: [Int], local: [Int], seen: Int, up: Int) {
        var fork = context(groups: first.map { _ in 0 }, blocksOn6xx: false)
        _ = fork.start()
        for (index, status) in first.enumerated() { _ = fork.receive(status: status, branch: index) }
        #expect(fork.best(translates503: true, lastFrom: 0) == fork.best())
        for _ in second { _ = fork.add() }
        _ = fork.start()
        for (place, status) in second.enumerated() {
            let index = first.count + place
            _ =
                local.contains(index)
                ? fork.fail(status: status, branch: index) : fork.receive(status: status, branch: index)
        }
        #expect(fork.phase == .deciding)
        #expect(fork.best(from: first.count).status == seen)
        #expect(fork.best(translates503: true, lastFrom: first.count).status == up)
    }

    @Test func aCancelledSecondWaveIsNotAnsweredWithTheFirst() {
        var fork = context(groups: [0])
        _ = fork.start()
        play([ForkRow(.response(486, branch: 0), .complete)], on: &fork)
        _ = fork.add()
        _ = fork.start()
        _ = fork.cancelAll()
        play([ForkRow(.failure(408, branch: 1), .complete)], on: &fork)
        #expect(fork.best(translates503: true, lastFrom: 1).status == 487)
    }

    /// A received 503, and one that stands for a failure of ours: what goes up with and without translation.
    @Test(arguments: [(false, 500, 503), (true, 500, 500)])
    func translation503CanBeSwitchedOffForWhatIsReceived(isLocal: Bool, usually: Int, otherwise: Int) {
        var fork = context(groups: [0])
        _ = fork.start()
        _ = isLocal ? fork.fail(status: 503, branch: 0) : fork.receive(status: 503, branch: 0)
        #expect(fork.best().status == usually)
        #expect(fork.best(translates503: false).status == otherwise)
    }

    @Test func serialForkGoesGroupByGroup() {
        var fork = context(groups: [0, 1, 1, 2])
        #expect(fork.start() == set([0]))
        play(
            [
                ForkRow(.response(486, branch: 0), .start, started: [1, 2]),
                ForkRow(.response(180, branch: 1), .forward),
                ForkRow(.failure(408, branch: 1)),
                ForkRow(.response(404, branch: 2), .start, started: [3]),
                ForkRow(.response(200, branch: 3), .forward),
            ], on: &fork)
    }

    @Test func sixHundredEndsTheFork() {
        var fork = context(groups: [0, 0, 1])
        _ = fork.start()
        play(
            [
                ForkRow(.response(180, branch: 1), .forward),
                ForkRow(.response(603, branch: 0), .cancel, cancelled: [1]),
                ForkRow(.response(487, branch: 1), .complete),
            ], on: &fork)
        #expect(fork.best().status == 603)
        #expect(fork.add() == nil, "RFC 3261 §16.7: no branch after a 6xx")
    }

    @Test func sixHundredMayBeTakenAsAnyOther() {
        var fork = context(groups: [0], blocksOn6xx: false)
        _ = fork.start()
        play([ForkRow(.response(603, branch: 0), .complete)], on: &fork)
        #expect(fork.add() == 1)
        #expect(fork.start() == set([1]))
        play([ForkRow(.response(200, branch: 1), .forward)], on: &fork)
    }

    @Test func cancelledByTheCaller() {
        var fork = context(groups: [0, 0])
        _ = fork.start()
        play(
            [
                ForkRow(.response(180, branch: 0), .forward),
                ForkRow(.cancelAll, .cancel, cancelled: [0]),
                ForkRow(.cancelAll),
                ForkRow(.response(487, branch: 0)),
                ForkRow(.failure(408, branch: 1), .complete),
            ], on: &fork)
        #expect(fork.best() == BestResponse(branch: 0, status: 487, challenges: []))
        #expect(fork.add() == nil)
    }

    @Test func cancelledBeforeAnyResponseEndsWith487() {
        var fork = context(groups: [0])
        _ = fork.start()
        play([ForkRow(.cancelAll), ForkRow(.failure(408, branch: 0), .complete)], on: &fork)
        #expect(fork.best() == BestResponse(branch: nil, status: 487, challenges: []))
    }

    @Test func cancelOvertakenByAnAnswer() {
        var fork = context(groups: [0])
        _ = fork.start()
        play(
            [
                ForkRow(.response(180, branch: 0), .forward),
                ForkRow(.cancelAll, .cancel, cancelled: [0]),
                ForkRow(.response(200, branch: 0), .forward),
            ], on: &fork)
    }

    @Test func nonInviteForwardsOneFinalAndNoProvisional() {
        var fork = context(groups: [0, 0], isInvite: false)
        _ = fork.start()
        play(
            [
                ForkRow(.response(100, branch: 0)),
                ForkRow(.response(200, branch: 0), .forward),
                ForkRow(.response(200, branch: 1)),
                ForkRow(.response(200, branch: 0)),
            ], on: &fork)
    }

    @Test func failoverReplacesTheBranch() {
        var fork = context(groups: [0])
        _ = fork.start()
        #expect(fork.replace(0) == 1)
        play([ForkRow(.response(503, branch: 0)), ForkRow(.response(486, branch: 1), .complete)], on: &fork)
        #expect(fork.best() == BestResponse(branch: 1, status: 486, challenges: []))
    }

    @Test func minorBranchIsNotWaitedFor() {
        var fork = context(groups: [0, 0], minor: 1)
        _ = fork.start()
        play(
            [
                ForkRow(.response(183, branch: 1), .forward),
                ForkRow(.response(486, branch: 0), [.complete, .cancel], cancelled: [1]),
            ], on: &fork)
    }

    @Test func heldOpenWaitsForBranchesFromOutside() {
        var fork = context(groups: [0])
        fork.isHeldOpen = true
        _ = fork.start()
        play([ForkRow(.response(486, branch: 0))], on: &fork)
        #expect(fork.add() == 1)
        _ = fork.start()
        play([ForkRow(.response(404, branch: 1)), ForkRow(.release, .complete)], on: &fork)
    }

    @Test func branchesAreLimited() {
        var fork = ResponseContext(isInvite: true)
        for index in 0..<ResponseContext.branchesMax { #expect(fork.add() == index) }
        #expect(fork.add() == nil)
    }

    @Test func groupsFollowQ() {
        #expect(ForkGroups.numbers(forQ: [500, nil, 1_000, 300, 500]) == [1, 0, 0, 2, 1])
    }
}
