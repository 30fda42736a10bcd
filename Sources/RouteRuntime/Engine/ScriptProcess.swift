package import Profiling
package import Reactor
import RouteLanguage
package import SIPMessage

/// Whether a top route has ended or waits.
package enum RunState {
    case finished(ScriptResult)
    /// Set `onEnd` to learn how it ends.
    case suspended(ScriptRun)
}

/// The script side of one process: runs top routes, keeps runs for reuse and the process's log levels.
///
/// Confined to its process's thread.
package final class ScriptProcess {
    /// Runs kept for reuse.
    private static let pooledMax = 32
    /// Top routes within each other that do not wait for each other, as the `local_route` of a request that a
    /// `local_route` sent.
    static let nestedMax = 8
    /// Launched runs that go on in a row; those behind them let other jobs of the process go first.
    static let launchedInARowMax = 64
    private static let launchedSite = ReactorSites.job("launched scripts")

    package let engine: ScriptEngine
    package let process: ReactorProcess
    /// Runs that wait now.
    package internal(set) var waitingCount = 0 {
        didSet { engine.noteWaiting(waitingCount - oldValue) }
    }
    /// Runs that `launch()` made and that can go on as soon as the present one lets go, in the order of their making.
    var launched: [ScriptRun] = []
    /// A job is under way that goes on with `launched`.
    private var hasLaunchedJob = false
    private var pool: [ScriptRun] = []
    /// Calls of `run` that have not returned.
    private var depth = 0
    /// The run whose instructions are being executed.
    private var executing: ScriptRun?
    /// Of the run that `drive` left last.
    private var stepsTaken = 0
    /// Of the run that is being executed, while somebody listens: what it calls into existence belongs to the same work.
    package private(set) var records = SessionLink.none
    /// What it is about, while somebody listens.
    private var current: MessageContext?

    package init(engine: ScriptEngine, process: ReactorProcess) {
        self.engine = engine
        self.process = process
    }

    /// What `log()` and the interpreter's own messages must not exceed on this process now: `$log_level`.
    package var logLevel: Int { engine.configuration.levels.level(process: process.id) }

    /// What `xlog` must not exceed on this process now: `$xlog_level`.
    package var xlogLevel: Int { engine.configuration.levels.xlogLevel(process: process.id) }

    /// Gives this process a level of its own; nil goes back to the server's.
    func setLogLevel(_ level: ScriptLogLevel?) {
        engine.configuration.levels.set(level?.rawValue, process: process.id)
    }

    func setXlogLevel(_ level: ScriptLogLevel?) {
        engine.configuration.levels.setXlog(level?.rawValue, process: process.id)
    }

    /// The request that the run which is being executed is about: of a reply the one that it answers. Known while somebody
    /// listens.
    package var tracedRequest: Message? { current?.tracedRequest }

    /// Runs a top route until it ends or waits. What another one causes counts into the steps of that one; deeper than
    /// `nestedMax` it is dropped, with an error in the log.
    package func run(_ top: TopRoute) -> RunState {
        let state = start(top)
        letGo()
        return state
    }

    private func start(_ top: TopRoute) -> RunState {
        guard depth < Self.nestedMax else {
            executing?.log(.error, "\(engine.name(of: top.route)) was dropped: \(depth) routes have caused each other")
            return .finished(ScriptResult(code: -1, isDropped: true))
        }
        depth += 1
        defer { depth -= 1 }
        let run = take(top.context, kind: top.kind)
        let cause = executing
        if let cause { run.steps = cause.steps }
        run.begin(top)
        let state = drive(run)
        if let cause { cause.steps = max(cause.steps, stepsTaken) }
        return state
    }

    /// Runs a top route and tells how it ended, at once or when it was resumed.
    package func run(_ top: TopRoute, completion: @escaping (ScriptResult) -> Void) {
        switch start(top) {
        case .finished(let result): completion(result)
        case .suspended(let run): run.onEnd = completion
        }
        letGo()
    }

    /// A script has let go of the process: what was launched goes on, unless the script was caused by another one, which has not.
    func letGo() {
        if executing == nil, !launched.isEmpty { driveLaunched() }
    }

    /// A fresh run, or one used before.
    func take(_ context: MessageContext, kind: RouteKind) -> ScriptRun {
        let run = pool.popLast() ?? ScriptRun(process: self)
        run.prepare(context, kind: kind)
        return run
    }

    /// Goes on with a run, and with those that wait for it, until all ended or one waits for something outside.
    func drive(_ first: ScriptRun) -> RunState {
        var run = first
        // While nobody listens all of them are `none`.
        let outer = (records, current)
        let cause = executing
        defer {
            (records, current) = outer
            executing = cause
        }
        while true {
            executing = run
            records = run.context.records
            current = records.session == .none ? nil : run.context
            switch run.execute() {
            case .nested(let child):
                run = child
            case .suspended:
                stepsTaken = run.steps
                return .suspended(run.outermost)
            case .ended(let result):
                guard let parent = run.parent, let then = run.parentContinuation else {
                    stepsTaken = run.steps
                    let onEnd = run.onEnd
                    recycle(run)
                    onEnd?(result)
                    return .finished(result)
                }
                parent.steps = run.steps
                recycle(run)
                parent.pending = then(parent, result)
                run = parent
            }
        }
    }

    /// Goes on with what was launched so far, up to a limit. What these launch themselves, and the rest, is for a job:
    /// a route that launches itself must not hold the process.
    private func driveLaunched() {
        let turn = launched.prefix(Self.launchedInARowMax)
        launched.removeFirst(turn.count)
        for run in turn {
            run.reopenRecords()
            _ = drive(run)
        }
        guard !launched.isEmpty, !hasLaunchedJob else { return }
        let owner = JobOwner(process: self)
        hasLaunchedJob = process.reactor.submit(Self.launchedSite, isOwed: true) {
            owner.process.hasLaunchedJob = false
            owner.process.driveLaunched()
        }
    }

    /// A process's script side as its own jobs carry it.
    private struct JobOwner: @unchecked Sendable {
        // @unchecked: looked at in jobs of the process only.
        let process: ScriptProcess
    }

    private func recycle(_ run: ScriptRun) {
        run.reset()
        // Whoever waits may still hold a run that waited once; such a one is not used again.
        if !run.hasWaited, pool.count < Self.pooledMax { pool.append(run) }
    }
}
