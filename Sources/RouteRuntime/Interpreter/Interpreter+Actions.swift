import Bytes
import Profiling
import RouteLanguage

extension ScriptRun {
    // MARK: Logging

    /// `xlog`: the text is made only if its level is wanted.
    func xlog(_ statement: LogStatement) {
        let level: ScriptLogLevel
        switch statement.level {
        case nil: level = ScriptLogLevel(clamping: configuration.xlogPrintLevel)
        case .constant(let number): level = ScriptLogLevel(clamping: number)
        case .variable(let index):
            level = ScriptLogLevel(levelValue: bound.variables[index].read(in: self)) ?? .error
        }
        guard level.rawValue <= process.xlogLevel else { return }
        configuration.output(level, bound.formats[statement.format].text(in: self).trimmedEnd.string)
    }

    /// The name of the top route.
    var startedRouteName: String { bound.routes[topRoute].displayName }

    /// `assert`, of which the condition was evaluated.
    func assert(_ format: Int32) -> Exit? {
        counter += 2
        result = 1
        guard condition <= 0 else { return nil }
        let text = format < 0 ? "" : ": " + bound.formats[Int(format)].text(in: self).string
        log(.critical, "assertion failed\(text)")
        configuration.abort?()
        // An assertion of the error route itself, or of what it called, has nowhere else to go.
        guard let route = process.engine.route(.error), !isHandlingError else { return stop(code: 0) }
        context.error = ScriptError(
            errorClass: 4, level: 1, info: ByteString("assertion failed\(text)"), replyCode: 500,
            replyReason: "Server Internal Error")
        return nest(TopRoute(route, as: .error, on: context)) { _, _ in .exit }
    }

    /// Whether this is the error route, or something that the error route waits for.
    private var isHandlingError: Bool {
        var run: ScriptRun? = self
        while let next = run {
            if next.kind == .error { return true }
            run = next.parent
        }
        return false
    }

    /// Another top route, which runs before this one goes on. It counts into the depth and the steps of this one.
    func nest(_ top: TopRoute, then: @escaping (ScriptRun, ScriptResult) -> Outcome) -> Exit? {
        let depth = outerDepth + frames.count
        guard depth <= configuration.routeDepthMax + 1 else {
            log(.error, "more than \(configuration.routeDepthMax) nested calls of routes")
            return apply(then(self, ScriptResult(code: -1)))
        }
        let child = process.take(top.context, kind: top.kind)
        child.parent = self
        child.parentContinuation = then
        (child.outerDepth, child.steps) = (depth, steps)
        child.begin(top)
        return .nested(child)
    }

    // MARK: async and launch

    func async(_ index: Int) -> Exit? {
        let statement = bound.program.asyncStatements[index]
        let call = bound.calls[statement.call]
        // What is awaited belongs to a transaction, which absorbs the request's retransmissions meanwhile.
        if let refusal = configuration.beforeAsync?(self) {
            pendingCall = nil
            counter += 2
            return apply(refusal)
        }
        let base = arguments.count
        guard evaluate(call, into: self) else {
            arguments.shrink(to: base)
            counter += 2
            (pendingCall, pendingPurpose) = (nil, .async(index))
            return apply(.no)
        }
        let timeout = bound.asyncTimeouts[index]?.value(in: self)
        counter += 2
        let exit = callHost(call, base: base, purpose: .async(index))
        if isWaiting, let seconds = timeout?.integer ?? timeout?.text?.decimal(), seconds > 0 {
            scheduleTimeout(seconds: seconds)
        }
        return exit
    }

    /// Starts a function in a run of its own. Its report route runs when this script lets go of the process.
    func launch(_ index: Int) {
        let statement = bound.program.launchStatements[index]
        guard process.launched.count < configuration.waitingRunsMax else {
            log(
                .error, "launch: \(process.launched.count) launched scripts wait for their turn (limit waiting_scripts)"
            )
            (result, counter) = (-1, counter + 2)
            return
        }
        let call = bound.calls[statement.call]
        let report = statement.report.flatMap { routeIndex($0) }
        if statement.report != nil, report == nil { log(.error, "the report route does not exist") }
        let parameter = statement.parameter.map { bound.formats[$0].text(in: self) }
        let other = MessageContext(
            message: context.message, number: context.number, source: context.source,
            sourceTransport: context.sourceTransport, socketIn: context.socketIn)
        let run = process.take(other, kind: kind)
        (run.session, run.link) = (session, context.records)
        let purpose = Purpose.launch(report: report, parameter: parameter, site: bound.launchSites[index])
        if evaluate(call, into: run) {
            // What modules gathered for their next function is for this one.
            run.nextCallState = nextCallState
            run.launch(call, purpose)
        } else {
            run.arguments.removeAll(keepingCapacity: true)
            (run.pendingPurpose, run.pending) = (purpose, .no)
            process.launched.append(run)
        }
        finishLaunch()
    }

    private func finishLaunch() {
        result = 1
        counter += 2
    }

    /// Calls the function of a `launch` statement in this, its own run.
    private func launch(_ call: BoundCall, _ purpose: Purpose) {
        pendingCall = call
        pendingPurpose = purpose
        if let site = call.site { probe.enter(site) }
        isInHost = true
        let outcome = call.function(Call(run: self, site: call, base: 0))
        isInHost = false
        if let site = call.site { probe.exit(site) }
        if case .suspended = outcome, pending == nil {
            guard !beginWaiting() else { return }
            pending = .done(-1)
            process.launched.append(self)
            return
        }
        if case .suspended = outcome {} else { pending = outcome }
        process.launched.append(self)
    }
}

extension ScriptLogLevel {
    /// A level that a variable holds: a number or a name.
    init?(levelValue value: Value) {
        if let number = value.integer {
            self.init(clamping: number)
            return
        }
        guard let text = value.text else { return nil }
        let names: [(StaticString, ScriptLogLevel)] = [
            ("L_ALERT", .alert), ("L_CRIT", .critical), ("L_ERR", .error), ("L_WARN", .warning),
            ("L_NOTICE", .notice), ("L_INFO", .info), ("L_DBG", .debug),
        ]
        guard let match = names.first(where: { text.equalsIgnoringCase($0.0) }) else { return nil }
        self = match.1
    }
}

extension ByteString {
    /// Without the line ends at its end: a log line brings its own.
    var trimmedEnd: ByteString {
        var length = count
        while length > 0, self[length - 1] == ASCII.lineFeed || self[length - 1] == ASCII.carriageReturn { length -= 1 }
        return prefix(length)
    }
}
