import Bytes
import Profiling

/// Makes spans of a session tree that is over: decides on its trace, whether it is sent, and what each span says.
struct SpanWriter {
    let description: TraceDescription
    var figures = TracingFigures()
    private var tail: TailSampler
    /// Traces of sessions seen lately, for links to them.
    var traces = RecentTraces()
    private var processes: [Int: TracedProcess] = [:]

    init(_ description: TraceDescription) {
        self.description = description
        tail = TailSampler(description.tail)
    }

    var identity: TraceIdentity { description.identity }

    /// Appends the tree's spans, or counts why there are none: a tree counts once for each trace that its sessions are in.
    mutating func write(_ tree: SessionTree, into spans: inout [Span]) {
        figures.stepsDropped += UInt64(tree.stepsDropped)
        let claims = tree.sessions.indices.map { claim(of: $0, in: tree) }
        let root =
            claims.lazy.compactMap(\.self).first ?? TraceClaim(trace: identity.traceID(origin: tree.sessions[0].id))
        let placed = place(tree, claims, root)
        for (session, place) in zip(tree.sessions, placed) { traces.note(session.id, place.trace) }
        let kept = decide(tree, claims, root, placed)
        guard !kept.isEmpty else { return }
        if tree.sessions.contains(where: \.isTruncated) || tree.stepsDropped > 0 { figures.treesTruncated += 1 }
        let count = spans.count
        for index in tree.sessions.indices where kept.contains(placed[index].trace) {
            write(index, of: tree, claims[index], root, placed, kept, into: &spans)
        }
        figures.spansMade += UInt64(spans.count - count)
    }

    /// Which of the tree's traces are sent; counts those and the others.
    private mutating func decide(
        _ tree: SessionTree, _ claims: [TraceClaim?], _ root: TraceClaim, _ placed: [Place]
    ) -> Set<TraceID> {
        var facts = facts(of: tree, placed)
        var decided: Set<TraceID> = []
        var kept: Set<TraceID> = []
        for index in tree.sessions.indices {
            let trace = placed[index].trace
            // A session without a claim of its own is in the trace of what is around it.
            guard decided.insert(trace).inserted else { continue }
            let claim = claims[index] ?? root
            guard description.sampler.keeps(trace, isParentSampled: claim.isParentSampled) else {
                figures.treesNotSampled += 1
                continue
            }
            guard tail.keeps(trace, facts.removeValue(forKey: trace) ?? TreeFacts()) else {
                figures.treesNotKept += 1
                continue
            }
            figures.treesKept += 1
            kept.insert(trace)
        }
        return kept
    }

    /// A trace, with the state that spans in it bear.
    private struct Place {
        let trace: TraceID
        let state: String

        init(_ claim: TraceClaim) { (trace, state) = (claim.trace, claim.state) }
    }

    /// The trace of each session: its own claim's, else that of what is around it.
    private func place(_ tree: SessionTree, _ claims: [TraceClaim?], _ root: TraceClaim) -> [Place] {
        var placed: [Place] = []
        placed.reserveCapacity(claims.count)
        for (index, session) in tree.sessions.enumerated() {
            placed.append(claims[index].map { Place($0) } ?? (index == 0 ? Place(root) : placed[session.parent]))
        }
        return placed
    }

    /// Writes a session and its jobs.
    private mutating func write(
        _ index: Int, of tree: SessionTree, _ claim: TraceClaim?, _ root: TraceClaim, _ placed: [Place],
        _ kept: Set<TraceID>, into spans: inout [Span]
    ) {
        let session = tree.sessions[index]
        let trace = placed[index].trace
        let outer = index == 0 ? root.trace : placed[session.parent].trace
        let around =
            session.parent < 0
            ? nil
            : SpanLink(
                traceID: outer,
                spanID: identity.spanID(session: tree.sessions[session.parent].id, job: session.parentJob + 1))
        var span = Span(
            traceID: trace, spanID: identity.spanID(session: session.id), name: session.name,
            startNanoseconds: UInt64(clamping: session.start), endNanoseconds: UInt64(clamping: session.end))
        span.traceState = placed[index].state
        var entry = claim
        if index == 0 || trace != outer {
            // Work of another transaction has a trace of its own, and says where it ran.
            let own = trace == outer ? root : claim ?? root
            entry = own
            // Not itself, where a request that was made in the pass says that the pass made it.
            if own.parent != span.spanID {
                span.parentSpanID = own.parent
                if own.isParentRemote { span.flags = [.hasIsRemote, .isRemote] }
            }
            span.links = own.links
            if trace != outer, kept.contains(outer), let around { span.links.append(around) }
        } else if let around {
            span.parentSpanID = around.spanID
            span.links = claim?.links ?? []
        }
        addCauses([entry?.cause, session.isLinkCause ? session.link : nil], to: &span)
        span.flags.insert(.sampled)
        describe(session, tree, &span)
        spans.append(span)
        for (number, job) in session.jobs.enumerated() {
            spans.append(self.span(job, number, session, placed[index]))
        }
    }

    /// Links to the sessions that caused the work, each once, and none to the span that is its parent anyway.
    private func addCauses(_ causes: [UInt64?], to span: inout Span) {
        for cause in causes {
            guard let cause else { continue }
            let id = identity.spanID(session: cause)
            guard id != span.spanID, id != span.parentSpanID, !span.links.contains(where: { $0.spanID == id }) else {
                continue
            }
            span.links.append(SpanLink(traceID: traces[cause] ?? identity.traceID(origin: cause), spanID: id))
        }
    }

    private mutating func span(_ job: TracedJob, _ number: Int, _ session: TracedSession, _ place: Place) -> Span {
        var span = Span(
            traceID: place.trace, spanID: identity.spanID(session: session.id, job: number + 1), name: job.name,
            startNanoseconds: UInt64(clamping: job.start), endNanoseconds: UInt64(clamping: max(job.end, job.start)))
        span.traceState = place.state
        span.parentSpanID = identity.spanID(session: session.id, job: job.parent + 1)
        span.flags.insert(.sampled)
        if session.producer == .script {
            describe(scriptJob: job, session, &span)
        } else {
            if let file = job.file { span.attributes.append(Attribute("code.function.name", .string(file))) }
        }
        if let line = job.line, line > 0 { span.attributes.append(Attribute("code.line.number", .int(Int64(line)))) }
        if let status = job.status { span.attributes.append(Attribute("sipray.status", .int(Int64(status)))) }
        describe(job.noted, isWhole: !session.isTruncated, &span)
        return span
    }

    /// A route, or a function that it called.
    private mutating func describe(scriptJob job: TracedJob, _ session: TracedSession, _ span: inout Span) {
        let isRoute = !description.functions.contains(job.name)
        if isRoute {
            span.attributes.append(Attribute("opensips.route.type", .string(RouteTypes.name(session.type))))
            if job.name != SpanWriter.unnamedRoute {
                span.attributes.append(Attribute("opensips.route.name", .string(job.name)))
            }
            span.attributes.append(Attribute("opensips.route.is_root", 0))
            if let status = job.status, status < 0 {
                span.status = .error("route \(job.name) returned \(status)")
                span.attributes.append(Attribute("error.type", .string(String(status))))
            }
        }
        span.attributes.append(Attribute("code.function.name", .string(job.name)))
        if let file = job.file { span.attributes.append(Attribute("code.file.path", .string(file))) }
        if isRoute, let process = process(session.process) { addThread(process, to: &span) }
    }

    private func addThread(_ process: TracedProcess, to span: inout Span) {
        span.attributes.append(Attribute("thread.id", .int(Int64(process.pid))))
        span.attributes.append(Attribute("thread.name", .string(process.threadName)))
    }

    static let unnamedRoute = "<root>"

    private mutating func describe(_ session: TracedSession, _ tree: SessionTree, _ span: inout Span) {
        if session.producer == .script {
            let type = RouteTypes.name(session.type)
            span.name = (session.noted.message?.method ?? "SIP") + " " + type
            span.kind = session.type == RouteTypes.local ? .client : .server
            span.attributes.append(Attribute("opensips.route.type", .string(type)))
            if session.name != SpanWriter.unnamedRoute {
                span.attributes.append(Attribute("opensips.route.name", .string(session.name)))
            }
            span.attributes.append(Attribute("opensips.route.is_root", 1))
        }
        describe(session.noted, isWhole: !session.isTruncated, &span)
        span.attributes.append(Attribute("sipray.session.id", .int(Int64(session.id))))
        if let status = session.status { span.attributes.append(Attribute("sipray.status", .int(Int64(status)))) }
        if session.isTruncated { span.attributes.append(Attribute("sipray.session.truncated", true)) }
        if tree.sessions[0].id == session.id, tree.stepsDropped > 0 {
            span.attributes.append(Attribute("sipray.spans.dropped", .int(Int64(tree.stepsDropped))))
        }
        if let process = process(session.process) {
            addThread(process, to: &span)
            span.attributes.append(Attribute("sipray.process.id", .int(Int64(process.id))))
            span.attributes.append(Attribute("sipray.process.description", .string(process.description)))
        }
    }

    private func describe(_ noted: Noted, isWhole: Bool, _ span: inout Span) {
        if let message = noted.message, message.isMessage {
            span.attributes += MessageAttributes.make(message, description.redaction)
        }
        // With a piece missing nobody knows what stood before a text.
        if !noted.raw.isEmpty, isWhole || description.redaction.isEmpty {
            let text = description.redaction.apply(to: String(decoding: noted.raw, as: UTF8.self))
            span.attributes.append(Attribute("sip.raw", .string(text)))
        }
        for line in noted.lines {
            span.events.append(
                SpanEvent(
                    name: "log", nanoseconds: UInt64(clamping: line.nanoseconds),
                    attributes: [
                        Attribute("log.severity", .string(LogSeverity.name(line.level))),
                        Attribute(
                            "log.message", .string(description.redaction.apply(to: line.text, isCut: line.isCut))),
                    ]))
        }
        span.dropped.events = noted.linesDropped
    }

    private mutating func process(_ id: Int) -> TracedProcess? {
        if let known = processes[id] { return known }
        let found = description.process(id)
        if let found, found.pid != 0 { processes[id] = found }
        return found
    }

    /// What the rules look at, for each trace in the tree; nothing while there are no rules.
    private func facts(of tree: SessionTree, _ placed: [Place]) -> [TraceID: TreeFacts] {
        guard !description.tail.isOff else { return [:] }
        var all: [TraceID: TreeFacts] = [:]
        for (index, session) in tree.sessions.enumerated() {
            let trace = placed[index].trace
            var facts = all[trace] ?? TreeFacts()
            if index == 0 || placed[session.parent].trace != trace {
                facts.nanoseconds = max(facts.nanoseconds, session.end - session.start)
            }
            note(session.noted.message, &facts)
            for job in session.jobs {
                note(job.noted.message, &facts)
                if session.producer == .script, let status = job.status, status < 0,
                    !description.functions.contains(job.name)
                {
                    facts.hasFailed = true
                }
            }
            all[trace] = facts
        }
        return all
    }

    private func note(_ message: NotedMessage?, _ facts: inout TreeFacts) {
        guard let message else { return }
        if let method = message.method { facts.methods.append(method) }
        if let status = message.status, status >= 400, status != 401, status != 407 { facts.hasFailed = true }
    }
}
