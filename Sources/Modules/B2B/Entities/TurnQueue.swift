import SIPStack

/// What happens to the entities of one owner, one after another, on whatever process brings it.
///
/// A turn that comes while another is taken waits in a queue; the process that has the turn works the queue off. So no lock is
/// held while a script runs or a message is sent, and nobody waits for anybody. A turn may end later (a script that waits):
/// what comes meanwhile queues up, up to `waitingMax`; beyond that only what comes once and can't be made up for.
final class TurnQueue: @unchecked Sendable {
    // @unchecked: `waiting` and `isTaken` are guarded by `lock`.

    /// Turns that may wait at once; more are refused.
    static let waitingMax = 256

    typealias Body = @Sendable (StackWorker, Turn) -> Void

    private let lock = StackLock()
    private var waiting: [Body] = []
    private var isTaken = false

    /// Has `body` run, now or when those before it have ended. False when too many wait.
    ///
    /// - Parameter isVital: it waits however many others do. For what comes at most once for each of the owner's own deeds.
    @discardableResult
    func take(_ worker: StackWorker, isVital: Bool = false, _ body: @escaping Body) -> Bool {
        lock.lock()
        if isTaken {
            defer { lock.unlock() }
            guard isVital || waiting.count < Self.waitingMax else { return false }
            waiting.append(body)
            return true
        }
        isTaken = true
        lock.unlock()
        run(body, worker)
        return true
    }

    /// Runs `body` in a turn of its own at once; nil when another is taken, as it can't be while nobody else knows the owner.
    func takeNow<Result>(_ worker: StackWorker, _ body: () -> Result) -> Result? {
        lock.lock()
        let isFree = !isTaken
        isTaken = true
        lock.unlock()
        guard isFree else { return nil }
        let result = body()
        goOn(worker)
        return result
    }

    private func run(_ first: @escaping Body, _ worker: StackWorker) {
        var next: Body? = first
        while let body = next {
            let turn = Turn(self, worker)
            body(worker, turn)
            guard turn.leave() else { return }
            next = succeed()
        }
    }

    private func succeed() -> Body? {
        lock.lock()
        defer { lock.unlock() }
        if waiting.isEmpty {
            isTaken = false
            return nil
        }
        return waiting.removeFirst()
    }

    fileprivate func goOn(_ worker: StackWorker) {
        if let next = succeed() { run(next, worker) }
    }
}

/// One turn; `end` is called once, on the process that has it. Confined to that process.
final class Turn {
    let worker: StackWorker
    private let queue: TurnQueue
    private var isEnded = false
    private var isLeft = false

    fileprivate init(_ queue: TurnQueue, _ worker: StackWorker) {
        self.queue = queue
        self.worker = worker
    }

    /// The next may come.
    func end() {
        guard !isEnded else { return }
        isEnded = true
        if isLeft { queue.goOn(worker) }
    }

    /// The body has returned. False when it goes on later.
    fileprivate func leave() -> Bool {
        isLeft = true
        return isEnded
    }
}
