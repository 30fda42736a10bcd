import Bytes
import Profiling
import Reactor
import RouteLanguage

extension ScriptRun {
    /// Goes on with a run that a host function suspended, on its process. Once per suspension: `Resumption` sees to
    /// that.
    func resume(_ outcome: Outcome) {
        if isInHost {
            // The function resumes before it has returned; it goes on when it has.
            pending = outcome
            return
        }
        guard isWaiting else { return }
        isWaiting = false
        process.waitingCount -= 1
        pending = outcome
        onAbandon = nil
        timeout?.cancel()
        timeout = nil
        let (kind, handler) = resumeSites
        let probe = probe
        probe.enter(kind)
        probe.enter(handler)
        // An async statement's records are over; its resume route begins a session of its own.
        if case .async = pendingPurpose, parent == nil {} else { reopenChain() }
        let code = process.drive(self).statusCode
        process.letGo()
        probe.exit(handler, status: code)
        probe.exit(kind)
    }

    /// What the records of the resume name: the kind of wait, and the function with the route that goes on.
    private var resumeSites: (kind: Site, handler: Site) {
        switch pendingPurpose {
        case .statement: (ResumeSites.script, pendingCall?.resumeSite ?? .silent)
        case .async(let index): (ResumeSites.script, bound.asyncSites[index])
        case .launch(_, _, let site): (ResumeSites.launch, site)
        }
    }

    /// Calls the pending function and deals with what it says. nil: the interpreter goes on.
    func callHost(_ call: BoundCall, base: Int, purpose: Purpose) -> Exit? {
        pendingCall = call
        pendingPurpose = purpose
        if let site = call.site { probe.enter(site) }
        isInHost = true
        let threshold = configuration.execThresholdMicroseconds
        let started = threshold > 0 ? Self.now() : 0
        let outcome = call.function(Call(run: self, site: call, base: base))
        if threshold > 0 { noteTime(of: call, since: started, outcome) }
        isInHost = false
        return apply(outcome)
    }

    /// Notes how long a function took: now, or when it is done if the script waits for it. What `async` waits for is not
    /// time of the message.
    private func noteTime(of call: BoundCall, since started: Int, _ outcome: Outcome) {
        if case .statement = pendingPurpose {
            switch outcome {
            case .suspended, .run:
                pendingNanoseconds = started
                return
            default: break
            }
        }
        slowest.note(Int32(call.index), microseconds: (Self.now() - started) / 1000)
    }

    /// Deals with what the pending function says.
    func apply(_ outcome: Outcome) -> Exit? {
        switch outcome {
        case .done(let code): return finishCall(code)
        case .number(let number): return finishCall(number, stopsAtZero: false)
        case .exit:
            leaveCall(0)
            return stop(code: 0)
        case .drop:
            leaveCall(0)
            isDropped = true
            return stop(code: 0)
        case .run(let top, let then): return nest(top, then: then)
        case .suspended:
            if let early = pending {
                pending = nil
                return apply(early)
            }
            guard beginWaiting() else { return finishCall(-1) }
            closeChain()
            return .suspended
        }
    }

    /// The pending function is done: its arguments go, and its code takes effect.
    private func finishCall(_ code: Int32, stopsAtZero: Bool = true) -> Exit? {
        let outputs = asyncOutputs
        leaveCall(code)
        result = code
        returnCode = code
        switch pendingPurpose {
        case .statement:
            return code == 0 && stopsAtZero ? stop(code: 0) : nil
        case .async(let index):
            let statement = bound.program.asyncStatements[index]
            return startResume(routeIndex(statement.resume), outputs: outputs, code: code)
        case .launch(let report, let parameter, _):
            guard let report else { return .ended(ScriptResult(code: 1)) }
            if let parameter { parameters.append(.string(parameter)) }
            beginSession(report, parameterCount: parameter == nil ? 0 : 1)
            return nil
        }
    }

    private func leaveCall(_ code: Int32) {
        onAbandon = nil
        // What the function may still say, nobody waits for.
        waitNumber &+= 1
        guard let call = pendingCall else { return }
        arguments.shrink(to: max(0, arguments.count - call.arguments.count))
        if hasOpenRecords, let site = call.site { probe.exit(site, status: code) }
        if pendingNanoseconds > 0 {
            slowest.note(Int32(call.index), microseconds: (Self.now() - pendingNanoseconds) / 1000)
            pendingNanoseconds = 0
        }
        pendingCall = nil
    }

    // MARK: async

    /// What the function of an `async` wrote to variables: the resume route sees it.
    private var asyncOutputs: [(BoundVariable, Value)] {
        guard case .async = pendingPurpose, let call = pendingCall else { return [] }
        return call.arguments.compactMap { argument in
            guard let variable = argument.output else { return nil }
            guard case .script = variable.storage else { return nil }
            return (variable, variable.read(in: self))
        }
    }

    /// The script up to here is over; the resume route runs, as a session linked to this one. Of the `$var`s only those
    /// survive that the function wrote to.
    private func startResume(_ route: Int?, outputs: [(BoundVariable, Value)], code: Int32) -> Exit? {
        guard let route else {
            log(.error, "the resume route does not exist")
            return stop(code: -1)
        }
        while !frames.isEmpty { pop(status: code) }
        endSession(status: code)
        resetVariables()
        for (variable, value) in outputs { _ = variable.write(value, as: .set, in: self) }
        stack.removeAll(keepingCapacity: true)
        returned.removeAll(keepingCapacity: true)
        beginSession(route, parameterCount: 0)
        returnCode = code
        return nil
    }

    private func beginSession(_ route: Int, parameterCount: Int) {
        startSite = bound.routes[route].startSite(kind)
        topRoute = route
        continueSession()
        startedNanoseconds = configuration.execThresholdMicroseconds > 0 ? Self.now() : 0
        push(route: route, returnTo: -1, parameterCount: parameterCount, site: bound.routes[route].enterSite)
        result = 1
    }

    /// The route that a statement names; nil when there is none.
    func routeIndex(_ target: RouteTarget) -> Int? {
        switch target {
        case .route(let index): index
        case .unknown: nil
        case .dynamic(let format):
            process.engine.route(.request, bound.formats[format].text(in: self).string)?.index
        }
    }

    // MARK: Records

    /// Ends the session that is open, if one is.
    func endSession(status: Int32) {
        if hasOpenRecords { probe.endScript(startSite, status: status) }
        hasOpenRecords = false
    }

    /// The process turns to other work: every open record of this run and of those that wait for it is ended.
    private func closeChain() {
        var run: ScriptRun? = self
        while let next = run {
            if next.hasOpenRecords {
                if let site = next.pendingCall?.site { next.probe.exit(site) }
                for frame in next.frames.reversed() { next.probe.exit(frame.site) }
                next.endSession(status: 0)
            }
            run = next.parent
        }
    }

    /// The records of `closeChain` again, outermost first, as sessions linked to those that were ended.
    private func reopenChain() {
        var chain: [ScriptRun] = []
        var run: ScriptRun? = self
        while let next = run {
            chain.append(next)
            run = next.parent
        }
        for next in chain.reversed() { next.reopenRecords() }
    }

    /// A session that goes on with the run's last one.
    private func continueSession() {
        if probe.wantsSubjects { noteSubject(ofPass: true) }
        session = probe.startScript(startSite, continuing: session)
        if session != .none { noteSession() }
        hasOpenRecords = true
    }

    func reopenRecords() {
        if startedNanoseconds == 0, configuration.execThresholdMicroseconds > 0 { startedNanoseconds = Self.now() }
        guard !frames.isEmpty else { return }
        continueSession()
        for frame in frames { probe.enter(frame.site) }
        if let site = pendingCall?.site { probe.enter(site) }
    }
}

extension RunState {
    /// What the records of a resume say: how the run ended, 0 while it waits again.
    var statusCode: Int32 {
        if case .finished(let result) = self { result.code } else { 0 }
    }
}
