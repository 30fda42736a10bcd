import Bytes
import Glibc
import Profiling
import Reactor
package import RouteLanguage

/// One run of a top route: the interpreter's frames and registers, and what host functions see of it.
///
/// Confined to its process's thread. Kept by whoever suspended it, until it is resumed.
package final class ScriptRun {
    /// A call of a route that has not returned.
    struct Frame {
        var returnTo: Int
        var route: Int
        var slotBase: Int
        var parameterBase: Int
        var parameterCount: Int
        var site: Site
    }

    /// What happens when the function that was called last is done.
    enum Purpose {
        case statement
        /// The resume route of an `async` statement (index) runs.
        case async(Int)
        /// The report route (index) of a `launch` runs with that parameter.
        case launch(report: Int?, parameter: ByteString?, site: Site)
    }

    package let process: ScriptProcess
    var contextStored: MessageContext?
    package internal(set) var kind: RouteKind = .request
    /// How the run ended, for those that learned that it was suspended. Called on its process.
    package var onEnd: ((ScriptResult) -> Void)?

    // Registers.
    var counter = 0
    var condition: Int32 = 0
    var result: Int32 = 1
    /// `$rc`
    package internal(set) var returnCode: Int32 = 0
    var hasFailed = false
    var steps = 0
    var isDropped = false

    // Stacks. They keep their capacity when the run is used again.
    var frames = ContiguousArray<Frame>()
    var stack = ContiguousArray<Value>()
    var arguments = ContiguousArray<Value>()
    var parameters = ContiguousArray<Value>()
    var slots = ContiguousArray<Int>()
    /// Values of `return(n, …)`: `$return(0)`, …
    var returned = ContiguousArray<Value>()
    /// `$var`s by slot.
    var variables: ContiguousArray<Value>
    var hasVariables = false
    /// `$var`s whose names the script does not write out.
    var extraVariables: [ByteString: Value] = [:]

    // Waiting.
    var pendingCall: BoundCall?
    var pendingPurpose = Purpose.statement
    var pending: Outcome?
    var isWaiting = false
    var isInHost = false
    var hasWaited = false
    /// Counts the calls and the waits of this object, so that what comes late is known.
    var waitNumber: UInt64 = 0
    /// Ends what the run waits for; nil when it cannot be ended.
    var onAbandon: (() -> Void)?
    /// It waits on when its transaction is answered.
    var outlivesTransaction = false
    /// Of an `async` statement that waits.
    var timeout: Timer?
    /// The run learns when its transaction is answered.
    var followsTransaction = false
    var parent: ScriptRun?
    var parentContinuation: ((ScriptRun, ScriptResult) -> Outcome)?
    /// Routes that are open in the runs that wait for this one.
    var outerDepth = 0

    // Records and bookkeeping.
    /// The session that is open, or was last.
    var session = SessionToken.none
    /// What the run goes on with, or what caused it.
    var link = SessionLink.none
    var isLinkCause = false
    var startSite = Site.silent
    /// Index of the top route.
    var topRoute = 0
    /// Whether the run's session is open: not while it waits.
    var hasOpenRecords = false
    /// When the script began, or its last resume route; waiting counts. 0 while `exec_msg_threshold` is off.
    var startedNanoseconds = 0
    /// When the function that the script waits for was called.
    var pendingNanoseconds = 0
    var slowest = SlowestActions()
    var trace: ScriptTrace?
    var evaluationDepth = 0
    /// Values that modules keep for the length of a run.
    package var moduleState: [ObjectIdentifier: AnyObject] = [:]
    /// What modules gather for a function that is called later (`rest_append_hf`): `launch()` hands it on.
    package var nextCallState: [ObjectIdentifier: AnyObject] = [:]

    init(process: ScriptProcess) {
        self.process = process
        variables = ContiguousArray(repeating: .null, count: process.engine.bound.slots.count)
        frames.reserveCapacity(8)
        stack.reserveCapacity(16)
        arguments.reserveCapacity(16)
    }

    /// The message that the route is about.
    package var context: MessageContext {
        // Set by `prepare` before anything runs, cleared by `reset` after the last instruction.
        contextStored!
    }

    package var configuration: ScriptConfiguration { process.engine.configuration }
    var bound: BoundProgram { process.engine.bound }
    var probe: Probe { process.process.probe }

    /// The run that waits for no other.
    var outermost: ScriptRun {
        var run = self
        while let parent = run.parent { run = parent }
        return run
    }

    /// Whether somebody must resume it.
    package var isSuspended: Bool { isWaiting }

    // MARK: Life

    func prepare(_ context: MessageContext, kind: RouteKind) {
        contextStored = context
        self.kind = kind
        for preset in configuration.presetVariables { _ = setScriptVariable(preset.name, preset.value) }
    }

    /// Starts at the first statement of a route.
    func begin(_ top: TopRoute) {
        let route = top.route
        let bound = bound.routes[route.index]
        startSite = bound.startSite(kind)
        topRoute = route.index
        (link, isLinkCause) = (top.link, top.isLinkCause)
        if probe.wantsSubjects { noteSubject() }
        session = probe.startScript(startSite, continuing: link.session, isCause: isLinkCause)
        if session != .none { noteSession() }
        hasOpenRecords = true
        startedNanoseconds = configuration.execThresholdMicroseconds > 0 ? Self.now() : 0
        push(route: route.index, returnTo: -1, parameterCount: 0, site: bound.enterSite)
    }

    /// Enters a route whose parameters were pushed already.
    func push(route: Int, returnTo: Int, parameterCount: Int, site: Site) {
        let compiled = bound.routes[route].compiled
        frames.append(
            Frame(
                returnTo: returnTo, route: route, slotBase: slots.count,
                parameterBase: parameters.count - parameterCount, parameterCount: parameterCount, site: site))
        for _ in 0..<compiled.slotCount { slots.append(0) }
        counter = compiled.entry
        probe.enter(site)
    }

    /// Leaves the innermost route.
    func pop(status: Int32) {
        let frame = frames.removeLast()
        if hasOpenRecords { probe.exit(frame.site, status: status) }
        slots.shrink(to: frame.slotBase)
        parameters.shrink(to: frame.parameterBase)
        counter = frame.returnTo
    }

    func reset() {
        contextStored = nil
        onEnd = nil
        (condition, result, returnCode, hasFailed, steps, isDropped) = (0, 1, 0, false, 0, false)
        frames.removeAll(keepingCapacity: true)
        stack.removeAll(keepingCapacity: true)
        arguments.removeAll(keepingCapacity: true)
        parameters.removeAll(keepingCapacity: true)
        slots.removeAll(keepingCapacity: true)
        returned.removeAll(keepingCapacity: true)
        resetVariables()
        pendingCall = nil
        pending = nil
        pendingPurpose = .statement
        onAbandon = nil
        timeout = nil
        followsTransaction = false
        parent = nil
        parentContinuation = nil
        outerDepth = 0
        session = .none
        link = .none
        isLinkCause = false
        hasOpenRecords = false
        slowest.reset()
        startedNanoseconds = 0
        pendingNanoseconds = 0
        trace = nil
        if !moduleState.isEmpty { moduleState.removeAll() }
        if !nextCallState.isEmpty { nextCallState.removeAll() }
    }

    /// Makes every `$var` NULL.
    func resetVariables() {
        guard hasVariables else { return }
        hasVariables = false
        for slot in variables.indices { variables[slot] = .null }
        if !extraVariables.isEmpty { extraVariables.removeAll() }
    }

    static func now() -> Int {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return time.tv_sec * 1_000_000_000 + time.tv_nsec
    }

    // MARK: Variables of the script

    func scriptVariable(_ name: ByteString) -> Value {
        if let slot = bound.slots[name] { return variables[slot] }
        return extraVariables[name] ?? .null
    }

    /// False when the run has too many variables with names of its own.
    func setScriptVariable(_ name: ByteString, _ value: Value) -> Bool {
        hasVariables = true
        if let slot = bound.slots[name] {
            variables[slot] = value
            return true
        }
        guard extraVariables.count < 1024 || extraVariables[name] != nil else { return false }
        extraVariables[name] = value
        return true
    }

    // MARK: Logging

    /// The statement that runs now.
    package var location: SourceLocation { bound.program.location(at: counter) }

    /// Logs about the statement that runs now, with the script's file and line, if the level is wanted.
    package func log(_ level: ScriptLogLevel, _ message: @autoclosure () -> String, at place: SourceLocation? = nil) {
        guard level.rawValue <= process.logLevel else { return }
        let place = place ?? location
        configuration.log(level, "\(process.engine.fileName(place)):\(place.line): \(message())")
    }
}

extension ContiguousArray {
    /// Drops elements from the end; never allocates, unlike `removeLast(_:)` without specialization.
    mutating func shrink(to count: Int) {
        while self.count > count { removeLast() }
    }
}
